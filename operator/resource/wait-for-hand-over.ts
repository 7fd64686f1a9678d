/**
 * What a pod does before it is told to stop. The operator sees that it is to go, and has its member hand over; this waits until the
 * member is master no more, so that writes go on somewhere else before they end here. Then it stays a little longer: the member
 * forwards what clients still send to it, until everything that leads to the master leads to the new one. A slave has nothing to
 * wait for, and a master without slaves nobody. The hook needs nothing but the node's own metrics, and gives up when its time is
 * over or the node does not answer.
 */
import { HTTP_PORT } from './names.ts';

const LOOK_MS = 250;
/** A slave that has not caught up for longer is no heir. */
const HEIR_LAG_SECONDS = 15;
/** For a stream that breaks and is opened again. A slave that is away for longer is stopping too, for instance because all are. */
const NO_HEIR_MS = 2_000;

/**
 * Until the Service of the group leads elsewhere everywhere: the label of the new master, the EndpointSlice, and the rules of
 * kube-proxy on each node, which are written about once a second. Without it new connections would be refused for that long.
 */
const FOLLOW_SECONDS = 5;

/** Lines of /metrics as Prometheus reads them. */
export const MASTER_PATTERN =
  /^orbitmq_member_role\{[^}]*role="(?:master|promoting|handing-over)"[^}]*\} 1$/m;
export const SINCE_PATTERN = /^orbitmq_member_since_master_seconds\{[^}]*\} (\S+)$/m;
export const CONNECTED_PATTERN =
  /^orbitmq_replication_connected\{[^}]*member="([^"]*)"[^}]*\} 1$/gm;
export const LAG_PATTERN =
  /^orbitmq_replication_lag_seconds\{[^}]*member="([^"]*)"[^}]*\} (\S+)$/gm;

/** Command of the hook; `seconds`: its bound. */
export function waitForHandOver(seconds: number): readonly string[] {
  return ['node', '-e', handOverScript(seconds)];
}

function handOverScript(seconds: number): string {
  return [
    `const end = Date.now() + ${seconds * 1000};`,
    'let heirMs = Date.now();',
    'const look = async () => {',
    `  const text = await (await fetch('http://127.0.0.1:${HTTP_PORT}/metrics')).text();`,
    `  const isMaster = ${String(MASTER_PATTERN)}.test(text);`,
    `  const since = Number(${String(SINCE_PATTERN)}.exec(text)?.[1] ?? 0);`,
    `  const connected = new Set([...text.matchAll(${String(CONNECTED_PATTERN)})].map((one) => one[1]));`,
    `  const isHeir = ([, name, lag]) => connected.has(name) && Number(lag) < ${HEIR_LAG_SECONDS};`,
    `  if ([...text.matchAll(${String(LAG_PATTERN)})].some(isHeir)) heirMs = Date.now();`,
    `  const isAlone = Date.now() - heirMs >= ${NO_HEIR_MS};`,
    `  if (isMaster ? isAlone : since >= ${FOLLOW_SECONDS}) process.exit(0);`,
    '  if (Date.now() > end) process.exit(0);',
    '};',
    `const again = () => look().then(() => setTimeout(again, ${LOOK_MS}), () => process.exit(0));`,
    'again();',
  ].join('\n');
}
