import type { Environment } from '../environment.ts';
import { NodeClock } from './node-clock.ts';
import { NodeDisk } from './node-disk.ts';
import { NodeRandom } from './node-random.ts';
import { NodeTimers } from './node-timers.ts';

/** The outside world as it is, for `main.ts`. */
export function nodeEnvironment(): Environment {
  return {
    clock: new NodeClock(),
    timers: new NodeTimers(),
    random: new NodeRandom(),
    disk: new NodeDisk(),
  };
}
