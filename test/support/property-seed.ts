import { env } from 'node:process';
import fc from 'fast-check';

/**
 * Properties draw the same values in every run, so that what was green stays green and a red run can be repeated. To look for
 * new counterexamples: `ORBITMQ_PROPERTY_SEED=random`, or a number, which is the seed that a failing property names.
 */
const wanted = env['ORBITMQ_PROPERTY_SEED'] ?? '1';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });
