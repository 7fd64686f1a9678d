/**
 * What a pod does before it is told to stop. The operator sees that it is to go, and has its member hand over; this waits until the
 * member is master no more, so that writes go on somewhere else before they end here. It needs nothing but the node's own
 * metrics, and gives up when its time is over or the node does not answer.
 */
import { HTTP_PORT } from './names.ts';

const LOOK_MS = 100;

export function waitForHandOver(seconds: number): readonly string[] {
  const script = [
    `const role = /^orbitmq_member_role\\{[^}]*role="(master|promoting|handing-over)"[^}]*\\} 1$/m;`,
    `const end = Date.now() + ${seconds * 1000};`,
    `const look = () => fetch('http://127.0.0.1:${HTTP_PORT}/metrics').then((r) => r.text()).then((t) =>`,
    `  role.test(t) && Date.now() < end ? setTimeout(look, ${LOOK_MS}) : process.exit(0), () => process.exit(0));`,
    'look();',
  ];
  return ['node', '-e', script.join('\n')];
}
