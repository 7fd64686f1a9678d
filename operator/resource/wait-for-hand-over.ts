/**
 * What a pod does before it is told to stop. The operator sees that it is to go, and has its member hand over; this waits until the
 * member is master no more, so that writes go on somewhere else before they end here. Then it stays a little longer: the member
 * forwards what clients still send to it, until everything that leads to the master leads to the new one. It needs nothing
 * but the node's own metrics, and gives up when its time is over or the node does not answer.
 */
import { HTTP_PORT } from './names.ts';

const LOOK_MS = 250;
/** A slave that has not caught up for longer is no heir; it is stopping as well, for instance because all of them are. */
const HEIR_LAG_SECONDS = 15;

/**
 * Until the Service of the group leads elsewhere everywhere: the label of the new master, the EndpointSlice, and the rules of
 * kube-proxy on each node, which are written about once a second. Without it new connections would be refused for that long.
 */
const FOLLOW_MS = 5_000;

/** Lines of /metrics as Prometheus reads them. */
export const MASTER_PATTERN =
  /^orbitmq_member_role\{[^}]*role="(?:master|promoting|handing-over)"[^}]*\} 1$/m;
export const LAG_PATTERN = /^orbitmq_replication_lag_seconds\{[^}]*\} (\S+)$/gm;

/** Command of the hook; `seconds`: its bound. */
export function waitForHandOver(seconds: number): readonly string[] {
  return ['node', '-e', handOverScript(seconds)];
}

function handOverScript(seconds: number): string {
  return [
    `const end = Date.now() + ${seconds * 1000};`,
    // It may have handed over just before this began.
    'let masterMs = Date.now();',
    'const look = async () => {',
    `  const text = await (await fetch('http://127.0.0.1:${HTTP_PORT}/metrics')).text();`,
    `  const isMaster = ${String(MASTER_PATTERN)}.test(text);`,
    `  const lags = [...text.matchAll(${String(LAG_PATTERN)})].map((match) => Number(match[1]));`,
    `  const hasHeir = lags.some((seconds) => seconds < ${HEIR_LAG_SECONDS});`,
    '  if (isMaster) masterMs = Date.now();',
    `  const isFollowed = !isMaster && Date.now() - masterMs >= ${FOLLOW_MS};`,
    '  if (isFollowed || (isMaster && !hasHeir) || Date.now() > end) process.exit(0);',
    '};',
    `const again = () => look().then(() => setTimeout(again, ${LOOK_MS}), () => process.exit(0));`,
    'again();',
  ].join('\n');
}
