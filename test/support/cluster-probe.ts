/**
 * A program that sends to one member, straight to its own address, from wherever it is started: also inside the network
 * namespace of a member that is cut off. Prints a line of JSON for each attempt and each acknowledgement, see start-probe.ts.
 */
import { randomBytes } from 'node:crypto';
import { argv, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../cli/client/connection.ts';
import { MessageIdSource } from '../../cli/client/message-id.ts';
import { MessagingClient } from '../../cli/client/messaging-client.ts';
import { monotonicMs, PROBE_LANE } from './cluster-ledger.ts';

const TIMEOUT_MS = 1_000;
const PAUSE_MS = 10;

const [endpoint = '', topic = ''] = argv.slice(2);
const ids = new MessageIdSource(randomBytes(12), process.pid, Date.now());
const tell = (line: object): void => void stdout.write(`${JSON.stringify(line)}\n`);

const client = new MessagingClient(
  new Connection({
    endpoint,
    ...{ tls: false, tlsInsecure: false, tlsCa: undefined, timeoutMs: TIMEOUT_MS },
  }),
  '0',
  randomBytes(4),
);
for (let sequence = 0; ; sequence++) {
  const body = `${PROBE_LANE}:${sequence}`;
  tell({ body });
  try {
    const messageId = ids.next();
    const [receipt] = await client.send([{ topic, messageId, body: Buffer.from(body) }]);
    tell({ body, sequence, messageId, offset: receipt?.offset, ackedAtMs: monotonicMs() });
  } catch {
    // Whoever reads us sees that no acknowledgement came.
  }
  await sleep(PAUSE_MS);
}
