import { describe, expect, it } from '@jest/globals';
import {
  registerMemberMetrics,
  type MeteredMember,
} from '../../../../broker/member/member-metrics.ts';
import { Metrics } from '../../../../common/metrics/metrics.ts';
import type { FollowerStatus, MemberRole } from '../../../../common/model/broker-group.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const SINCE = /^orbitmq_member_since_master_seconds\{.*\} (.*)$/m;

class Kit {
  readonly time = new ManualTime();
  readonly #metrics = new Metrics({ cluster: 'c', node_type: 'broker', node_id: 'b' }, 100);
  #role: MemberRole = 'recovering';
  #tell: () => void = () => undefined;

  constructor(followers: readonly FollowerStatus[] = []) {
    const roleNow = (): MemberRole => this.#role;
    const member = {
      get role() {
        return roleNow();
      },
      epoch: 1,
      term: undefined,
      status: () => ({ confirmOffset: 0, followers }),
      onChange: (listener: () => void) => {
        this.#tell = listener;
        return () => undefined;
      },
    } as unknown as MeteredMember;
    registerMemberMetrics(this.#metrics, member, this.time);
  }

  become(role: MemberRole): void {
    this.#role = role;
    this.#tell();
  }

  async text(): Promise<string> {
    const pieces: string[] = [];
    for await (const piece of this.#metrics.render(new ManualTime())) pieces.push(piece);
    return pieces.join('');
  }

  async since(): Promise<number> {
    return Number(SINCE.exec(await this.text())?.[1]);
  }
}

describe('how long ago a member was the master', () => {
  it('counts from its start when it has not been', async () => {
    const kit = new Kit();
    kit.time.advance(3_000);
    kit.become('follower');
    kit.time.advance(4_000);
    expect(await kit.since()).toBe(7);
  });

  it('is nothing while it is, until it has handed over, and counts from then on', async () => {
    const kit = new Kit();
    kit.time.advance(60_000);
    for (const role of ['promoting', 'master', 'handing-over'] as const) {
      kit.become(role);
      kit.time.advance(1_000);
      expect(await kit.since()).toBe(0);
    }
    for (const role of ['recovering', 'follower'] as const) {
      kit.become(role);
      kit.time.advance(1_000);
    }
    expect(await kit.since()).toBe(2);
  });
});

it('which slaves are connected is told for each of them', async () => {
  const follower = { ackedOffset: 0, lagBytes: 0, lagMs: 0, isInSync: true };
  const kit = new Kit([
    { ...follower, memberName: 'm1', isConnected: true },
    { ...follower, memberName: 'm2', isConnected: false },
  ]);
  const text = await kit.text();
  expect(text).toMatch(/^orbitmq_replication_connected\{.*member="m1".*\} 1$/m);
  expect(text).toMatch(/^orbitmq_replication_connected\{.*member="m2".*\} 0$/m);
});
