import {
  bytes,
  duration,
  integer,
  optionalAddress,
  optionalPath,
  optionalText,
  type Role,
} from './option-definition.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Only a broker can be one of several. */
const MEMBER_ROLES: readonly Role[] = ['broker'];

/** Members of a broker group: who this one is, and how the log gets from the master to its slaves. */
export const REPLICATION_OPTIONS = {
  memberName: optionalText({
    section: 'replication',
    summary:
      'Name of this process in its broker group; with it the broker waits until the failover controller gives it a role.',
    change: 'For every broker of a group with slaves; the name stays with its data directory.',
    roles: MEMBER_ROLES,
    max: 127,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
    patternText: 'letters, digits, "_", "-" and ".", starting with a letter or digit',
  }),
  memberAddress: optionalAddress({
    section: 'replication',
    summary:
      'Address of this one process for slaves, NameServers and the controller; without it, the listen address.',
    change:
      'When it listens on all addresses: advertise leads to the present master of the group, this one to the member.',
    roles: MEMBER_ROLES,
  }),
  runId: optionalText({
    section: 'replication',
    summary: 'What this start of the process is called in heartbeats; without it, a random name.',
    change:
      'Never by hand: whoever starts the process says so by it which one it is, and can tell the controller when it has ended.',
    roles: MEMBER_ROLES,
    max: 64,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
    patternText: 'letters, digits, "_", "-" and ".", starting with a letter or digit',
  }),
  runIdFile: optionalPath({
    section: 'replication',
    summary: 'File into which the process writes what this start of it is called.',
    change:
      'Only by whoever starts the process and learns of its end: on Kubernetes it is the termination message of the container.',
    roles: MEMBER_ROLES,
  }),
  replicationWindowBytes: bytes({
    section: 'replication',
    summary: 'Log bytes that may be on their way to one slave and not yet acknowledged by it.',
    change: 'Larger on fast lines with a long delay; a slave may have to hold it in memory.',
    default: '16MiB',
    min: MIB,
    max: GIB,
    scope: 'cluster',
    roles: MEMBER_ROLES,
  }),
  replicationBatchBytes: bytes({
    section: 'replication',
    summary: 'Log bytes in one message to a slave; a longer record goes alone.',
    change: 'Rarely; a large batch makes a slave that catches up cost the master longer reads.',
    default: '1MiB',
    min: 64 * KIB,
    max: 8 * MIB,
    roles: MEMBER_ROLES,
  }),
  replicationBeatMs: duration({
    section: 'replication',
    summary: 'How often a master speaks to a slave when it has nothing to send.',
    change:
      'Rarely; a stream that was silent for several of these is opened anew, and a new master waits for three of them before it hands out messages.',
    default: '200ms',
    min: 10,
    max: 10 * SECOND_MS,
    scope: 'cluster',
    roles: MEMBER_ROLES,
  }),
  replicationTimeoutMs: duration({
    section: 'replication',
    summary: 'How long a send waits for the slaves that have to confirm it.',
    change: 'Longer where slaves have slow disks; the outcome of a send that timed out is unknown.',
    default: '3s',
    min: 100,
    max: 5 * MINUTE_MS,
    roles: MEMBER_ROLES,
  }),
  replicationPendingBytes: bytes({
    section: 'replication',
    summary: 'Log bytes that may wait to be confirmed; beyond it sends get TOO_MANY_REQUESTS.',
    change: 'Larger to ride out longer pauses of a slave, at the price of memory.',
    default: '64MiB',
    min: MIB,
    max: 4 * GIB,
    roles: MEMBER_ROLES,
  }),
  inSyncTimeoutMs: duration({
    section: 'replication',
    summary: 'A slave that has not caught up for this long leaves the in-sync set.',
    change:
      'Longer to keep slaves that pause, at the price of sends that wait for them; shorter for the contrary.',
    default: '3s',
    min: 200,
    max: 10 * MINUTE_MS,
    scope: 'cluster',
    roles: MEMBER_ROLES,
  }),
  /** Measured from when the heartbeat was sent, so that it ends before a NameServer may take the master for gone. */
  writeLeaseMs: duration({
    section: 'replication',
    summary:
      'How long after a heartbeat that most NameServers granted a master may acknowledge without its slaves.',
    change: 'Together with the heartbeat expiry.',
    default: '3500ms',
    min: 100,
    max: 10 * MINUTE_MS,
    scope: 'cluster',
    roles: MEMBER_ROLES,
  }),
  masterWaitMs: duration({
    section: 'replication',
    summary:
      'How long a member holds a request while its group has no master; a receive is held for its polling time.',
    change: 'Below the request timeout of the clients (3s by default), so that they get an answer.',
    default: '2s',
    min: 0,
    max: MINUTE_MS,
    zeroMeans: 'refuse at once',
    roles: MEMBER_ROLES,
  }),
  maxHeldRequests: integer({
    section: 'replication',
    summary: 'Requests held at once for want of a master, receives not counted; more are refused.',
    change: 'With many producers and much memory: each keeps its message.',
    default: '2048',
    min: 1,
    max: 1_000_000,
    roles: MEMBER_ROLES,
  }),
  backlogReadsMax: integer({
    section: 'replication',
    summary:
      'Reads of old messages that a master has from its own disk at once; further ones ask an in-sync slave.',
    change: 'Larger for disks that do more reads at a time without slowing writes down.',
    default: '16',
    min: 1,
    max: 10_000,
    roles: MEMBER_ROLES,
  }),
};
