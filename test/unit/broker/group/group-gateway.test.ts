import { afterEach, describe, expect, it } from '@jest/globals';
import type { BidiListener, CallContext } from '../../../../common/rpc/service-table.ts';
import {
  ClientType,
  Code,
  MessagingServiceMethods,
  ReceiveMessageRequest,
  ReceiveMessageResponse,
  TelemetryCommand,
  type ISettings,
} from '../../../../proto/generated/v2.ts';
import { GroupWorld, type GroupWorldMember } from '../../../support/group-world.ts';
import { ManualTime } from '../../../support/manual-time.ts';

/** What a client sees of a change of master that is connected to a member. */

const topic = { name: 'orders' };
const group = { name: 'billing' };
const SETTINGS: ISettings = {
  clientType: ClientType.PUSH_CONSUMER,
  subscription: { group, subscriptions: [{ topic, expression: { expression: '*' } }] },
};

const opened: BidiListener[] = [];

afterEach(() => {
  for (const listener of opened.splice(0)) listener.closed();
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

function context(method: string, language: string): CallContext {
  const metadata: Readonly<Record<string, string>> = {
    ...{ 'x-mq-client-id': `client-${language}`, 'x-mq-language': language },
    'x-mq-client-version': '5.0.7',
  };
  return {
    ...{ method, peer: '127.0.0.1:1', deadlineMs: undefined, isTls: false },
    signal: new AbortController().signal,
    metadata: (name) => metadata[name],
  };
}

/** A client's stream: what came, and how it ended. */
async function telemetry(member: GroupWorldMember, language: string) {
  const { path } = MessagingServiceMethods.Telemetry;
  const method = member.table?.[path];
  if (method?.kind !== 'bidi') throw new Error('no telemetry');
  const commands: TelemetryCommand[] = [];
  const ends: (Error | undefined)[] = [];
  const listener = method.handle(context(path, language), {
    send: (bytes) => void commands.push(TelemetryCommand.decode(bytes)),
    end: (error) => void ends.push(error),
  });
  opened.push(listener);
  listener.message(Buffer.from(TelemetryCommand.encode({ settings: SETTINGS }).finish()));
  await settle();
  return { commands, ends };
}

async function receive(member: GroupWorldMember, language: string) {
  const { path } = MessagingServiceMethods.ReceiveMessage;
  const method = member.table?.[path];
  if (method?.kind !== 'server-stream') throw new Error('no receive');
  const request = ReceiveMessageRequest.encode({
    ...{ group, messageQueue: { topic, id: -1, broker: { name: 'broker-a' } }, batchSize: 1 },
    ...{ autoRenew: true, longPollingTimeout: { seconds: 20 } },
  }).finish();
  const parts: ReceiveMessageResponse[] = [];
  await method.handle(Buffer.from(request), context(path, language), (bytes) => {
    parts.push(ReceiveMessageResponse.decode(bytes));
    return undefined;
  });
  return parts.find(({ status }) => status)?.status;
}

describe('a client at a member whose group changes its master', () => {
  it.each(['JAVA', 'GO', 'HTTP'])(
    'keeps its stream, and the new master knows it (%s)',
    async (language) => {
      const members = new GroupWorld(new ManualTime());
      const [a, b, c] = ['a', 'b', 'c'].map((name) => members.at(name));
      for (const member of members.members.values()) {
        member.broker.addTopic(topic);
        member.cluster.onMoved(() => {
          member.gateway.sessions.announceAll();
        });
      }
      members.elect('a');
      const { commands, ends } = await telemetry(a!, language);
      expect(commands[0]?.status?.code).toBe(Code.OK);
      members.elect(undefined);
      members.elect('b');
      await settle();
      members.elect('c');
      await settle();
      expect(ends).toEqual([]);
      for (const member of [a, b, c]) {
        expect(member?.broker.registrations.at(-1)).toMatchObject({
          clientId: `client-${language}`,
          group: 'billing',
          subscriptions: [{ topic: 'orders' }],
        });
      }
      expect(a?.gateway.sessions.get(`client-${language}`)?.streams.size).toBe(1);
      expect([a, b, c].flatMap((member) => member?.unexpected ?? [])).toEqual([]);
    },
  );

  it('gets an empty answer to its long poll when its member stops, also when another one is asked', async () => {
    const members = new GroupWorld(new ManualTime());
    for (const member of members.members.values()) member.broker.addTopic(topic);
    members.elect('b');
    const status = receive(members.at('a'), 'JAVA');
    await settle();
    expect(members.at('b').broker.receives).toHaveLength(1);
    members.at('a').gateway.drain.begin();
    expect((await status)?.code).toBe(Code.MESSAGE_NOT_FOUND);
  });
});
