/**
 * Which rpcs may be asked a second time when nobody knows whether the first master has done them, because it was gone before
 * it answered:
 *
 * | rpc | why |
 * |---|---|
 * | SendMessage | messages carry ids, and a group keeps the ids of what it stored, also across a failover |
 * | ReceiveMessage | what was on its way is delivered again after its invisible time, as whenever an answer is lost |
 * | AckMessage, ForwardMessageToDeadLetterQueue | what is settled stays settled |
 * | ChangeInvisibleDuration | the receipt handle is used up by the first that takes effect; the time begins anew at most |
 * | Telemetry, Heartbeat, NotifyClientTermination | tell of a client what is so |
 * | QueryRoute | creates a topic on its first use, or finds it |
 * | Describe, List, Peek | only read |
 *
 * Not the changes of the administration: the second "create" would say that the topic exists. Whoever asked is told that the
 * outcome is not known.
 */
const ANNOUNCEMENTS = ['Telemetry', 'Heartbeat', 'NotifyClientTermination'];
const MESSAGING = [
  ...['SendMessage', 'ReceiveMessage', 'AckMessage', 'ChangeInvisibleDuration'],
  ...['ForwardMessageToDeadLetterQueue', 'QueryRoute'],
  ...ANNOUNCEMENTS,
];
const REPEATABLE = new Set(MESSAGING.map(messagingPath));
const ANNOUNCING = new Set(ANNOUNCEMENTS.map(messagingPath));
const RECEIVE = messagingPath('ReceiveMessage');
const ADMIN_READ = /^\/orbitmq\.v1\.Admin\/(Describe|List|Peek)/;

export function isRepeatable(path: string): boolean {
  return REPEATABLE.has(path) || ADMIN_READ.test(path);
}

/** Whether it tells of a client: not held, since a new master is told of all clients anyway. */
export function isAnnouncement(path: string): boolean {
  return ANNOUNCING.has(path);
}

/** Who waits for a message may as well wait for a master. */
export function isReceive(path: string): boolean {
  return path === RECEIVE;
}

function messagingPath(name: string): string {
  return `/apache.rocketmq.v2.MessagingService/${name}`;
}
