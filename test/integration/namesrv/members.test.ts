import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GroupTerms } from '../../../common/model/broker-group.ts';
import type { HeardMember } from '../../../common/model/witness.ts';
import { epoch } from '../../../common/model/offsets.ts';
import {
  decodePromoteAnswer,
  decodeRevokeAnswer,
  encodeFollowOrder,
  encodePromoteOrder,
  encodeRevokeOrder,
  MEMBER_PATHS,
} from '../../../common/wire/member-codec.ts';
import {
  decodeHeardMembers,
  decodeRevocation,
  encodeListMembers,
  encodeRevokeEpoch,
  LIST_MEMBERS_PATH,
  REVOKE_EPOCH_PATH,
} from '../../../common/wire/witness-codec.ts';
import { Code } from '../../../proto/generated/v2.ts';
import { MessagingClient } from '../../support/messaging-client.ts';
import { OrbitMqProcess } from '../../support/orbitmq-process.ts';
import { waitFor } from '../../support/wait-for.ts';

/**
 * A NameServer and the two members of one group as real processes, with the orders of the failover controller given by hand.
 * The advertised address of the group leads nowhere: what arrives has been forwarded to a member.
 */

const HEARTBEATS = ['--heartbeat-interval', '200ms', '--heartbeat-expiry', '2s'];
const NOWHERE = '127.0.0.1:9';

let nameServer: OrbitMqProcess;
let client: MessagingClient;
const members = new Map<string, { node: OrbitMqProcess; client: MessagingClient }>();

beforeAll(async () => {
  nameServer = await OrbitMqProcess.start({ role: 'namesrv', flags: HEARTBEATS });
  client = new MessagingClient(nameServer.port);
  for (const name of ['m1', 'm2']) {
    const flags = ['--broker-name', 'g', '--member-name', name, '--advertise', NOWHERE];
    const node = await OrbitMqProcess.start({
      role: 'broker',
      flags: [...flags, '--namesrv', nameServer.endpoint, '--write-lease', '1s', ...HEARTBEATS],
    });
    members.set(name, { node, client: new MessagingClient(node.port) });
  }
}, 120_000);

afterAll(async () => {
  client.close();
  for (const member of members.values()) member.client.close();
  await Promise.all(
    [nameServer, ...[...members.values()].map(({ node }) => node)].map((node) => node.dispose()),
  );
}, 60_000);

const until = (isTrue: () => Promise<boolean>): Promise<true> =>
  waitFor('the condition', 20_000, async () => ((await isTrue()) ? true : undefined), 50);

async function heard(): Promise<readonly HeardMember[]> {
  const request = Buffer.from(encodeListMembers(['g']));
  return decodeHeardMembers(await client.raw(LIST_MEMBERS_PATH, request)).members;
}

function isUp(member: HeardMember): boolean {
  return member.isConnected && !member.isGone;
}

async function order(member: string, path: string, bytes: Uint8Array): Promise<Buffer> {
  return members.get(member)!.client.raw(path, Buffer.from(bytes), 10_000);
}

async function promote(name: string, term: number): Promise<void> {
  const known = await heard();
  const terms: GroupTerms = {
    epoch: epoch(term),
    setVersion: 1,
    syncStateSet: [name],
    members: known.map(({ memberName, memberAddress }) => {
      return { name: memberName, address: memberAddress };
    }),
    replication: 'sync',
    minInSyncReplicas: 1,
    uncleanElection: false,
  };
  const runId = known.find(({ memberName }) => memberName === name)!.runId;
  const bytes = encodePromoteOrder({ brokerName: 'g', memberName: name, runId, terms });
  const answer = decodePromoteAnswer(await order(name, MEMBER_PATHS.promote, bytes));
  expect(answer.reason).toBe('');
}

async function send(body: string): Promise<number> {
  const messageId = `01${body.padEnd(32, '0').slice(0, 32)}`;
  const message = {
    topic: { name: 't' },
    body: Buffer.from(body),
    systemProperties: { messageId },
  };
  const { status } = await client.call('SendMessage', { messages: [message] });
  return status?.code ?? 0;
}

async function routes(): Promise<number> {
  const { status, messageQueues } = await client.call('QueryRoute', { topic: { name: 't' } });
  return status?.code === Code.OK ? messageQueues.length : 0;
}

async function revokeAtNameServer(term: number) {
  const bytes = Buffer.from(encodeRevokeEpoch('g', term));
  return decodeRevocation(await client.raw(REVOKE_EPOCH_PATH, bytes));
}

describe('a NameServer and the members of a group', () => {
  it('hears of members that wait for a role, and leads to none of them', async () => {
    await until(async () => (await heard()).filter(isUp).length === 2);
    const all = await heard();
    expect(all.map(({ memberName }) => memberName).sort()).toEqual(['m1', 'm2']);
    for (const member of all) {
      expect(member).toMatchObject({ brokerName: 'g', isSlave: true, epoch: 0, isGone: false });
      expect(member.silentMs).toBeLessThan(2_000);
    }
    expect(await routes()).toBe(0);
  });

  it('forwards to the master of the epoch', async () => {
    await promote('m1', 1);
    const master = (await heard()).find(({ memberName }) => memberName === 'm1')!;
    const follow = encodeFollowOrder({
      ...{ brokerName: 'g', epoch: epoch(1) },
      master: { name: 'm1', address: master.memberAddress },
    });
    await order('m2', MEMBER_PATHS.follow, follow);
    await until(async () =>
      (await heard()).some((member) => !member.isSlave && member.epoch === 1),
    );
    await until(async () => {
      return await nameServer.command('topic', 'create', 't', '--queues', '2').then(
        () => true,
        (error: unknown) => /exists already/.test((error as Error).message),
      );
    });
    await until(async () => (await routes()) === 2);
    expect(await send('before')).toBe(Code.OK);
  }, 60_000);

  it('keeps the routes and holds a send through a failover, and refuses the old epoch', async () => {
    const { node } = members.get('m1')!;
    await node.kill();
    expect(await revokeAtNameServer(2)).toMatchObject({ isAccepted: true, epoch: 2 });
    const revoked = encodeRevokeOrder({ brokerName: 'g', epoch: epoch(2) });
    const answer = decodeRevokeAnswer(await order('m2', MEMBER_PATHS.revoke, revoked));
    expect(answer.isAccepted).toBe(true);
    expect(await routes()).toBe(2);
    const held = send('held');
    await promote('m2', 2);
    expect(await held).toBe(Code.OK);
    expect(await send('after')).toBe(Code.OK);
    expect(await routes()).toBe(2);
    expect(await revokeAtNameServer(1)).toMatchObject({ isAccepted: false, epoch: 2 });
  }, 60_000);

  it('learns all of it again when it restarts, and a master that returns is a slave', async () => {
    await members.get('m1')!.node.launch();
    await nameServer.restart();
    await until(async () => (await routes()) === 2);
    expect(await send('after the restart')).toBe(Code.OK);
    await until(async () => (await heard()).filter(isUp).length === 2);
    const roles = (await heard()).map(({ memberName, isSlave }) => `${memberName} ${isSlave}`);
    expect(roles.sort()).toEqual(['m1 true', 'm2 false']);
    expect(await revokeAtNameServer(1)).toMatchObject({ isAccepted: false, epoch: 2 });
  }, 60_000);
});
