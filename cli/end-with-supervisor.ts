import process from 'node:process';
import type { Terminal } from './terminal.ts';

/**
 * A node that `orbitmq cluster` has started holds the other end of a pipe as its standard input. The pipe ends with the
 * supervisor, however that ends, and then the node stops in good order as on a signal: nothing is left behind.
 */
export function endWithSupervisor({ env }: Terminal): void {
  if (env['ORBITMQ_SUPERVISED'] !== '1') return;
  const stop = (): void => void process.kill(process.pid, 'SIGTERM');
  process.stdin.on('end', stop).on('error', stop).resume();
  // It waits for an end, and must not be what keeps a node alive that has stopped.
  (process.stdin as { unref?: () => void }).unref?.();
}
