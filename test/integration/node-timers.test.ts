import { NodeClock } from '../../common/environment/node/node-clock.ts';
import { NodeTimers } from '../../common/environment/node/node-timers.ts';
import { describeTimersPort } from '../support/timers-port-suite.ts';

describeTimersPort('Node', () => ({
  clock: new NodeClock(),
  timers: new NodeTimers(),
  run: (body) => body(),
}));
