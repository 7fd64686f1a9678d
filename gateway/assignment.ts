/** Which queues a push consumer receives from. Pure. Every member of a group gets all of them: nothing is owned exclusively. */
import type { IAssignment, IResource } from '../proto/generated/v2.ts';
import type { BrokerRoute } from './broker-access.ts';
import { isReadable, queueOf } from './route.ts';

/** In an assignment and a receive: any queue of that broker. */
export const ANY_QUEUE = -1;

/** One queue for each broker and ordinary group, every queue for an ordered group; only brokers that may be read from. */
export function assignments(
  topic: IResource,
  routes: readonly BrokerRoute[],
  isOrdered: boolean,
): IAssignment[] {
  const result: IAssignment[] = [];
  for (const route of routes) {
    if (!isReadable(route.topic.permission)) continue;
    const count = isOrdered ? route.topic.queueCount : 1;
    for (let i = 0; i < count; i += 1) {
      result.push({ messageQueue: queueOf(topic, route, isOrdered ? i : ANY_QUEUE) });
    }
  }
  return result;
}
