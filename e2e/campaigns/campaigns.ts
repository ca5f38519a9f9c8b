// Every campaign by its name in the reliability goals, with how many strikes they ask for. Read by main.ts.
import { R16 } from './backlog-campaign.ts';
import type { Campaign } from './campaign.ts';
import { R9 } from './database-campaign.ts';
import { R10, R10_FILES, R10_LOGS, R10_OUTPUTS } from './disk-campaign.ts';
import { R3, R4, R6, R7, R17 } from './fault-campaigns.ts';
import { R5 } from './hang-campaign.ts';
import { mixed, R1 } from './kill-campaigns.ts';
import { R8, R8_CLIENT, R8_DATABASE, R8_INSTANCE, R8_STORAGE } from './partition-campaign.ts';
import { R14 } from './provider-campaign.ts';
import { R13 } from './replica-campaign.ts';
import { R2 } from './step-campaign.ts';
import { R11 } from './store-campaign.ts';
import { R13_UPGRADE } from './upgrade-campaign.ts';

export interface Listed {
  readonly campaign: Campaign;
  /** Of strikes; for R2 of each step, for R8 of each edge and kind. */
  readonly bar: number;
}

export const CAMPAIGNS = {
  R1: { campaign: R1, bar: 200 },
  R2: { campaign: R2, bar: 600 },
  R3: { campaign: R3, bar: 500 },
  R4: { campaign: R4, bar: 300 },
  R5: { campaign: R5, bar: 100 },
  R6: { campaign: R6, bar: 200 },
  R7: { campaign: R7, bar: 100 },
  R8: { campaign: R8, bar: 100 },
  'R8-client': { campaign: R8_CLIENT, bar: 100 },
  'R8-instance': { campaign: R8_INSTANCE, bar: 100 },
  'R8-database': { campaign: R8_DATABASE, bar: 100 },
  'R8-storage': { campaign: R8_STORAGE, bar: 100 },
  R9: { campaign: R9, bar: 50 },
  R10: { campaign: R10, bar: 20 },
  'R10-files': { campaign: R10_FILES, bar: 20 },
  'R10-outputs': { campaign: R10_OUTPUTS, bar: 20 },
  'R10-logs': { campaign: R10_LOGS, bar: 20 },
  R11: { campaign: R11, bar: 200 },
  R13: { campaign: R13, bar: 100 },
  'R13-upgrade': { campaign: R13_UPGRADE, bar: 20 },
  R14: { campaign: R14, bar: 200 },
  R16: { campaign: R16, bar: 100_000 },
  R17: { campaign: R17, bar: 60 },
  'mixed-embedded': { campaign: mixed('embedded'), bar: 100 },
  'mixed-fixed': { campaign: mixed('fixed'), bar: 100 },
} as const satisfies Record<string, Listed>;

export type CampaignName = keyof typeof CAMPAIGNS;
export const CAMPAIGN_NAMES = Object.keys(CAMPAIGNS) as CampaignName[];
