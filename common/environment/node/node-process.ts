import { writeSync } from 'node:fs';
import process from 'node:process';
import type { ProcessPort, StopSignal } from '../../lifecycle/process-port.ts';

const STANDARD_ERROR = 2;

/** The real process. */
export class NodeProcess implements ProcessPort {
  onSignal(listener: (signal: StopSignal) => void): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => listener(signal));
  }

  onUncaught(listener: (error: unknown) => void): void {
    process.on('uncaughtException', listener);
    process.on('unhandledRejection', listener);
  }

  exit(code: number): void {
    process.exit(code);
  }

  writeError(text: string): void {
    try {
      writeSync(STANDARD_ERROR, text);
    } catch {
      // Standard error is closed or its reader is gone: there is nobody left to tell.
    }
  }
}
