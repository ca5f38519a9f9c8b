// The deliveries of one request, for its detail. Given to requests/ by app.ts.
import type { Queryable } from '../db/database.ts';
import { listDeliveriesOf } from './history.sql.ts';
import { viewDeliveryInBrief } from './view.pure.ts';

export type DeliveryInBrief = ReturnType<typeof viewDeliveryInBrief>;

export async function deliveriesOf(db: Queryable, requestId: string): Promise<DeliveryInBrief[]> {
  return (await listDeliveriesOf(db, requestId)).map(viewDeliveryInBrief);
}
