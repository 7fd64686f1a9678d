import { CLIENTS } from './clients.ts';
import { conformanceSuite } from './run-suite.ts';

conformanceSuite(CLIENTS.python);
