import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { Random } from './random.ts';
import type { Timers } from './timers.ts';

/** Everything of the outside world that a component may use, besides the transport it is handed. */
export interface Environment {
  clock: Clock;
  timers: Timers;
  random: Random;
  disk: Disk;
}
