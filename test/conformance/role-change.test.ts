import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { GatewayGroup } from '../support/gateway-group.ts';
import { waitFor } from '../support/wait-for.ts';
import { ClientDriver } from './client-driver.ts';
import { buildDriver, CLIENTS, reasonToSkip, type ClientUnderTest } from './clients.ts';

/** Official clients at a member of a group whose master changes again and again, with a second without one in between. */

const SETUP_TIMEOUT_MS = 16 * 60_000;
const CHANGES = 4;
const WITH_MASTER_MS = 1_500;
const WITHOUT_MASTER_MS = 1_000;
const TOPIC = 'orders';

async function rideThrough(client: ClientUnderTest): Promise<void> {
  const group = await GatewayGroup.start(3);
  const driver = new ClientDriver(client.command(), {});
  try {
    group.stored.addTopic({ name: TOPIC });
    group.elect(0);
    // The member of the client is never the master, once, and then it is.
    const endpoint = `127.0.0.1:${group.gateways[2]!.port}`;
    const target = { endpoint, topic: TOPIC };
    const consumer = await driver.call('startSimpleConsumer', {
      ...{ ...target, group: 'billing', filter: '*', awaitMs: 5_000 },
    });
    const producer = await driver.call('startProducer', target);
    const over = new AbortController();
    const sent: string[] = [];
    const received = new Set<string>();
    const consuming = (async () => {
      while (!over.signal.aborted || received.size < sent.length) {
        const { handle } = consumer;
        const { messages } = await driver.call('receive', { handle, max: 16, invisibleMs: 30_000 });
        for (const { body } of messages) received.add(Buffer.from(body, 'base64').toString());
      }
    })();
    const producing = (async () => {
      while (!over.signal.aborted) {
        const text = `m${sent.length}`;
        const body = Buffer.from(text).toString('base64');
        await driver.call('send', { handle: producer.handle, message: { topic: TOPIC, body } });
        sent.push(text);
        await sleep(20);
      }
    })();
    const changing = (async () => {
      for (let change = 1; change <= CHANGES; change += 1) {
        await sleep(WITH_MASTER_MS);
        group.elect(undefined);
        await sleep(WITHOUT_MASTER_MS);
        group.elect(change % 3);
      }
      over.abort();
    })();
    await Promise.all([changing, producing, consuming]);
    expect(sent.length).toBeGreaterThan(CHANGES * 10);
    await waitFor('everything to be received', 20_000, () =>
      sent.every((text) => received.has(text)) ? true : undefined,
    );
    expect(group.gateways.flatMap(({ unexpected }) => unexpected)).toEqual([]);
  } finally {
    await driver.close();
    await group.close();
  }
}

for (const client of Object.values(CLIENTS)) {
  const skipped = reasonToSkip(client);
  if (skipped !== undefined) {
    describe.skip(`${client.name} client, ${skipped}`, () => {
      it('rides through changes of the master', () => undefined);
    });
    continue;
  }
  describe(`${client.name} client (${client.version})`, () => {
    beforeAll(() => {
      buildDriver(client);
    }, SETUP_TIMEOUT_MS);

    it(
      'rides through changes of the master: no send and no receive fails',
      () => rideThrough(client),
      120_000,
    );
  });
}
