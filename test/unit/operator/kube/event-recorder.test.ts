import { describe, expect, it } from '@jest/globals';
import { EventRecorder } from '../../../../operator/kube/event-recorder.ts';
import { KubeError } from '../../../../operator/kube/kube-error.ts';
import type { KubeEvent } from '../../../../operator/kube/resource.ts';
import { KubePortsKit, metricValue, settle } from '../../../support/kube-ports.ts';

const text = { type: 'Normal', reason: 'Elected', message: 'm' } as const;
const object = (uid: string) => ({
  apiVersion: 'g/v1',
  kind: 'Thing',
  metadata: { name: 'a', namespace: 'n', uid },
});

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  }
  throw new KubeError({ kind: 'aborted', status: 0, message: 'given up' });
}

function recorderOf(isHeld = false) {
  const kit = new KubePortsKit();
  const created: KubeEvent[] = [];
  const patches: object[] = [];
  const state = { isForgotten: false };
  const client = {
    create: async (_: unknown, event: KubeEvent, { signal }: { signal: AbortSignal }) => {
      if (isHeld) await aborted(signal);
      created.push(event);
      return event;
    },
    mergePatch: async (_: unknown, __: unknown, patch: object) => {
      if (state.isForgotten) {
        throw new KubeError({ kind: 'not-found', status: 404, message: 'gone' });
      }
      patches.push(patch);
    },
  } as never;
  const recorder = new EventRecorder({ ...kit.ports, client, component: 'c', instance: 'i' });
  return { kit, recorder, created, patches, state };
}

describe('the event recorder', () => {
  it('writes the same text again as a count, and another one on its own', async () => {
    const { recorder, created, patches } = recorderOf();
    recorder.record(object('1'), text);
    await settle();
    recorder.record(object('1'), text);
    await settle();
    recorder.record(object('1'), { ...text, message: 'other' });
    recorder.record(object('2'), text);
    await recorder.stop();
    expect(created).toHaveLength(3);
    expect(patches).toEqual([{ count: 2, lastTimestamp: expect.any(String) }]);
  });

  it('writes anew what the server has forgotten', async () => {
    const { recorder, created, state } = recorderOf();
    recorder.record(object('1'), text);
    await settle();
    state.isForgotten = true;
    recorder.record(object('1'), text);
    await recorder.stop();
    expect(created.map(({ count }) => count)).toEqual([1, 2]);
  });

  it('drops what one object says too often, and counts it', async () => {
    const { kit, recorder, created } = recorderOf();
    for (let time = 0; time < 40; time++) {
      recorder.record(object('1'), { ...text, message: `${time}` });
    }
    recorder.record(object('2'), text);
    await recorder.stop();
    expect(created).toHaveLength(26);
    const dropped = await metricValue(kit.metrics, 'orbitmq_kube_recorded_events_total', 'dropped');
    expect(dropped).toBe(15);
  });

  it('keeps a bounded number of events while the server does not answer', async () => {
    const { kit, recorder } = recorderOf(true);
    for (let time = 0; time < 400; time++) recorder.record(object(`${time}`), text);
    await settle();
    const dropped = await metricValue(kit.metrics, 'orbitmq_kube_recorded_events_total', 'dropped');
    expect(dropped).toBe(199); // one is being written, 200 wait
    const stopped = recorder.stop();
    await kit.pass(2_000);
    await stopped;
    expect(kit.time.waiting).toBe(0);
  });
});
