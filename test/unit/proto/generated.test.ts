import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  AdminMethods as OurAdminMethods,
  NameServerMethods,
} from '../../../proto/generated/orbitmq.ts';
import {
  AdminMethods,
  ClientType,
  Code,
  GetOffsetResponse,
  MessagingServiceMethods,
  Settings,
} from '../../../proto/generated/v2.ts';

const ROOT = join(import.meta.dirname, '../../..');
const scratch = mkdtempSync(join(tmpdir(), 'orbitmq-generated-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the generated protocol module', () => {
  it('is what the generator makes of proto/ today', () => {
    const generator = join(ROOT, 'scripts/generate-proto.ts');
    const { status, stderr } = spawnSync(process.execPath, [generator, '--out', scratch], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const committed = join(ROOT, 'proto/generated');
    expect(readdirSync(scratch).sort()).toEqual(readdirSync(committed).sort());
    for (const file of readdirSync(scratch)) {
      const isSame = readFileSync(join(scratch, file)).equals(readFileSync(join(committed, file)));
      expect({ file, isSame }).toEqual({ file, isSame: true });
    }
  }, 60_000);

  it('has int64 as numbers up to the largest safe integer', () => {
    for (const offset of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -(2 ** 40)]) {
      const decoded = GetOffsetResponse.decode(GetOffsetResponse.encode({ offset }).finish());
      expect(decoded.offset).toBe(offset);
    }
  });

  it('has enums with values, and fields in the case of TypeScript', () => {
    expect(Code.INVALID_RECEIPT_HANDLE).toBe(40013);
    const settings = Settings.decode(
      Settings.encode({
        clientType: ClientType.PUSH_CONSUMER,
        subscription: { receiveBatchSize: 32 },
      }).finish(),
    );
    expect(settings.clientType).toBe(ClientType.PUSH_CONSUMER);
    expect(settings.pubSub).toBe('subscription');
    expect(settings.subscription?.receiveBatchSize).toBe(32);
    expect(settings.accessPoint).toBeNull();
  });

  it('lists every method with path, types and streaming', () => {
    expect(Object.keys(MessagingServiceMethods)).toHaveLength(17);
    expect(Object.keys(AdminMethods)).toHaveLength(16);
    const streams = Object.entries(MessagingServiceMethods)
      .filter(([, method]) => method.responseStream)
      .map(([name, method]) => [name, method.path, method.requestStream]);
    expect(streams).toEqual([
      ['ReceiveMessage', '/apache.rocketmq.v2.MessagingService/ReceiveMessage', false],
      ['PullMessage', '/apache.rocketmq.v2.MessagingService/PullMessage', false],
      ['Telemetry', '/apache.rocketmq.v2.MessagingService/Telemetry', true],
    ]);
    expect(OurAdminMethods.CreateTopic.path).toBe('/orbitmq.v1.Admin/CreateTopic');
    expect(NameServerMethods.RegisterBroker.requestStream).toBe(true);
  });
});
