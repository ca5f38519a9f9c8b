// Results that ComfyUI reports nowhere: pictures that a node only sends over the websocket.
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';

const SENT = {
  '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 2, color: 255 } },
  '2': { class_type: 'SaveImageWebsocket', inputs: { images: ['1', 0] } },
};

describe('a node that only sends its pictures', () => {
  const app = useTestApp({ emulator: 'executing' });

  it('has them among its outputs, each run its own', async () => {
    const deploymentId = await app().createDeployment(SENT);
    for (let run = 0; run < 2; run += 1) {
      const result = await app().run(deploymentId);
      const outputs = result['outputs'] as Record<string, { images: Record<string, string>[] }>;
      const images = outputs['2']?.images ?? [];
      expect(images.map(({ filename }) => filename)).toEqual([
        'ComfyUI_websocket_00001_.png',
        'ComfyUI_websocket_00002_.png',
      ]);
      const file = await fetch(String(images[1]?.['url']));
      expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
    }
  });
});
