import { bytes, duration, integer, oneOf, path, percent } from './option-definition.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

/** Data on disk: durability, sizes, memory, retention. */
export const STORE_OPTIONS = {
  dataDir: path({
    section: 'store',
    summary: 'Directory of log, index, snapshots and the self-signed certificate.',
    change: 'To put the data on a disk of its own.',
    default: './data',
  }),
  /**
   * `sync` is the default: who reads "acknowledged" takes it to mean "on disk". Group commit lets all sends that wait share
   * one fdatasync, so that the price is latency of one disk flush (0.1–5 ms), not throughput. Both modes survive a kill -9.
   */
  flush: oneOf({
    section: 'store',
    summary:
      'sync acknowledges a message when it is on disk, async when the system has it and flushes every flush-interval.',
    change:
      'async for lower latency, where losing the last moments at a power failure is acceptable.',
    default: 'sync',
    choices: ['sync', 'async'],
    scope: 'cluster',
  }),
  flushIntervalMs: duration({
    section: 'store',
    summary: 'Time between flushes with flush async: what a power failure may cost.',
    change: 'Shorter to lose less, longer to spare the disk.',
    default: '500ms',
    min: 1,
    max: 60 * SECOND_MS,
  }),
  segmentBytes: bytes({
    section: 'store',
    summary: 'Size at which the log goes on in a new file; retention deletes whole files.',
    change: 'Smaller on small disks, so that space comes back sooner.',
    default: '1GiB',
    min: MIB,
    max: 16 * GIB,
  }),
  batchBytes: bytes({
    section: 'store',
    summary: 'Largest write to the log at once; what arrives meanwhile forms the next one.',
    change: 'Rarely; larger batches raise throughput on slow disks and latency on all.',
    default: '4MiB',
    min: 64 * KIB,
    max: 64 * MIB,
  }),
  pendingBytes: bytes({
    section: 'store',
    summary: 'Bytes that may wait to be written; beyond it sends get TOO_MANY_REQUESTS.',
    change: 'Larger to ride out longer pauses of the disk, at the price of memory.',
    default: '64MiB',
    min: 16 * MIB,
    max: 4 * GIB,
  }),
  cacheBytes: bytes({
    section: 'store',
    summary: 'Newest part of the log kept in memory for consumers that keep up.',
    change: 'Larger when consumers lag by seconds and the disk is slow.',
    default: '128MiB',
    min: 16 * MIB,
    max: 64 * GIB,
  }),
  indexBufferBytes: bytes({
    section: 'store',
    summary: 'Memory for the newest index entries of all queues before they are written in pages.',
    change: 'Larger with more than 50,000 busy queues.',
    default: '64MiB',
    min: 4 * MIB,
    max: 16 * GIB,
  }),
  snapshotIntervalBytes: bytes({
    section: 'store',
    summary:
      'Log written since the last snapshot at which the next one is made; a restart replays at most about this.',
    change: 'Smaller for quicker restarts, larger for less writing.',
    default: '512MiB',
    min: MIB,
    max: TIB,
  }),
  snapshotIntervalMs: duration({
    section: 'store',
    summary: 'Time since the last snapshot at which the next one is made, if anything changed.',
    change: 'Shorter for quicker restarts of busy but small brokers.',
    default: '5m',
    min: SECOND_MS,
    max: DAY_MS,
  }),

  retentionMs: duration({
    section: 'retention',
    summary: 'Age from which messages may be deleted, consumed or not; a topic can have its own.',
    change: 'As long as consumers may have to catch up or replay.',
    default: '72h',
    min: SECOND_MS,
    max: 3650 * DAY_MS,
    scope: 'cluster',
  }),
  retentionBytes: bytes({
    section: 'retention',
    summary: 'Size of the log beyond which its oldest files are deleted.',
    change: 'When the disk is shared with something else.',
    default: '0',
    min: 0,
    max: 1024 * TIB,
    zeroMeans: 'no limit',
  }),
  retentionIntervalMs: duration({
    section: 'retention',
    summary: 'Time between looks at age, size and disk space.',
    change: 'Shorter on small disks that fill quickly.',
    default: '10s',
    min: 100,
    max: HOUR_MS,
  }),
  diskCleanPercent: percent({
    section: 'retention',
    summary: 'Disk usage from which expired files are deleted at once.',
    change: 'With alerting at another level.',
    default: '75',
  }),
  diskForceCleanPercent: percent({
    section: 'retention',
    summary: 'Disk usage from which the oldest files are deleted even when they have not expired.',
    change: '100 to never delete unexpired messages and refuse sends instead.',
    default: '85',
  }),
  diskRejectPercent: percent({
    section: 'retention',
    summary: 'Disk usage from which sends are refused; receive and acknowledge go on.',
    change: 'With very large disks, where 10 % is a lot.',
    default: '90',
  }),

  idempotenceWindowMs: duration({
    section: 'store',
    summary:
      'Time in which a second send of a message id to the same topic gets the first receipt.',
    change: 'Longer when producers repeat sends after long outages.',
    default: '10m',
    min: 0,
    max: DAY_MS,
    scope: 'cluster',
    zeroMeans: 'off',
  }),
  idempotenceIds: integer({
    section: 'store',
    summary:
      'Message ids remembered in the window; the oldest are forgotten first. About 100 bytes of memory each.',
    change:
      'At more messages per second than this divided by what a producer needs to repeat a send.',
    default: '500000',
    min: 0,
    max: 50_000_000,
    zeroMeans: 'off',
  }),
};
