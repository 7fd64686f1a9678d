import { performance } from 'node:perf_hooks';
import type { Clock } from '../clock.ts';

/** The clocks of this machine. */
export class NodeClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }
}
