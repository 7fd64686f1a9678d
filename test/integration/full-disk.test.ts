import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  MessagingClient,
  messageIds,
  OK,
  type SendReceipt,
  SendTemplate,
} from '../../bench/messaging-client.ts';
import { OrbitMqProcess } from '../support/orbitmq-process.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 2 ** 20;
const DISK_MIB = 48;
const TOPIC = 'full-disk';
const GROUP = 'full-disk-group';
const RECOVERY_TIMEOUT_MS = 20_000;

function mountRefusal(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root to mount a small tmpfs';
  const directory = mkdtempSync(join(tmpdir(), 'orbitmq-mount-'));
  try {
    const { status, stderr } = run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory);
    if (status !== 0) return `cannot mount a tmpfs: ${stderr.trim()}`;
    run('umount', directory);
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const run = (program: string, ...words: string[]) =>
  spawnSync(program, words, { encoding: 'utf8', timeout: 10_000 });

/** A node whose data lie on a disk of 48 MiB. */
class SmallDisk {
  readonly directory = mkdtempSync(join(tmpdir(), 'orbitmq-small-disk-'));
  readonly #ballast = join(this.directory, 'ballast');
  node!: OrbitMqProcess;
  client!: MessagingClient;
  readonly #nextId = messageIds();

  async start(flags: readonly string[]): Promise<void> {
    run('mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', this.directory);
    this.node = await OrbitMqProcess.start({
      directory: join(this.directory, 'data'),
      flags: [
        ...['--group-start-position', 'earliest', '--retention-interval', '100ms'],
        ...['--segment-bytes', '4MiB', ...flags],
      ],
    });
    this.client = await MessagingClient.open(this.node.port);
    await this.client.queryRoute(TOPIC);
  }

  async end(): Promise<void> {
    this.client.close();
    await this.node.dispose();
    run('umount', this.directory);
    rmSync(this.directory, { recursive: true, force: true });
  }

  send(bodyBytes: number): Promise<SendReceipt> {
    return this.client.send(new SendTemplate(TOPIC, Buffer.alloc(bodyBytes, 7)), this.#nextId());
  }

  /** Takes the space that another program would take: all but `leaveBytes`. */
  fill(leaveBytes: number): void {
    const { stdout } = run('df', '--output=avail', '-B1', this.directory);
    const availableBytes = Number(stdout.trim().split('\n').at(-1));
    writeFileSync(this.#ballast, Buffer.alloc(Math.max(availableBytes - leaveBytes, 0)));
  }

  giveBack(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Sends until one is refused. */
  refusal(bodyBytes: number): Promise<SendReceipt> {
    return waitFor('a refused send', RECOVERY_TIMEOUT_MS, async () => {
      const receipt = await this.send(bodyBytes);
      return receipt.code === OK ? undefined : receipt;
    });
  }

  /** Sends until one is accepted. */
  acceptance(): Promise<SendReceipt> {
    return waitFor('an accepted send', RECOVERY_TIMEOUT_MS, async () => {
      const receipt = await this.send(100);
      return receipt.code === OK ? receipt : undefined;
    });
  }

  receive(count: number) {
    const group = GROUP;
    return this.client.receive({
      topic: TOPIC,
      group,
      batchSize: count,
      invisibleMs: 600_000,
      awaitMs: 2_000,
    });
  }
}

const refused = mountRefusal();
const suite = refused === undefined ? describe : describe.skip;

suite(`a full disk${refused === undefined ? '' : ` (skipped: ${refused})`}`, () => {
  describe('by the watermark', () => {
    const disk = new SmallDisk();
    beforeAll(
      () =>
        disk.start([
          ...['--disk-clean-percent', '75', '--disk-force-clean-percent', '85'],
          ...['--disk-reject-percent', '90'],
        ]),
      90_000,
    );
    afterAll(() => disk.end());

    it('refuses sends with a clear answer, lets receive and acknowledge go on, and recovers by itself', async () => {
      for (let i = 0; i < 5; i++) expect((await disk.send(1_000)).code).toBe(OK);
      disk.fill(2 * MIB); // 95 % used
      const refusal = await disk.refusal(100);
      expect(refusal.text).toMatch(/disk .* 9\d % full/);
      const { code, messages } = await disk.receive(3);
      expect(code).toBe(OK);
      for (const message of messages) {
        expect((await disk.client.ack(TOPIC, GROUP, message)).code).toBe(OK);
      }
      disk.giveBack();
      await disk.acceptance();
    }, 60_000);
  });

  describe('to the last byte', () => {
    const disk = new SmallDisk();
    beforeAll(() => disk.start([]), 90_000); // without watermarks worth the name: see ANY_DISK
    afterAll(() => disk.end());

    it('refuses what it cannot write, serves what it has, recovers by itself, and loses nothing', async () => {
      const accepted: string[] = [];
      for (let i = 0; i < 5; i++) accepted.push((await disk.send(1_000)).messageId);
      // The first receive of a group is a record in the log; later ones need none.
      expect((await disk.receive(1)).messages.length).toBe(1);
      disk.fill(256 * 1_024);
      const refusal = await disk.refusal(64 * 1_024);
      expect(refusal.text).toMatch(/space|disk|log/);
      expect(await disk.receive(3)).toMatchObject({ code: OK });
      expect(disk.node.isRunning).toBe(true);
      disk.giveBack();
      accepted.push((await disk.acceptance()).messageId);
      await disk.node.restart();
      disk.client.close();
      disk.client = await MessagingClient.open(disk.node.port);
      const found = new Set<string>();
      await waitFor('all accepted messages', RECOVERY_TIMEOUT_MS, async () => {
        for (const { messageId } of (await disk.receive(32)).messages) found.add(messageId);
        return accepted.every((messageId) => found.has(messageId)) ? true : undefined;
      });
    }, 90_000);
  });
});
