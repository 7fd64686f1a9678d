import process from 'node:process';
import { Presets, SingleBar } from 'cli-progress';
import type { Terminal } from '../terminal.ts';

/** A bar on a terminal; nothing elsewhere, so that logs and pipes stay clean. */
export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

/** `show` turns the counts into text, such as bytes into GiB. */
export function startProgress(
  terminal: Terminal,
  label: string,
  total: number,
  show: (count: number) => string = String,
): Progress {
  if (!terminal.isErrorTty) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: `${label} {bar} {percentage}% | {done}/{all} | {eta_formatted} left {note}`,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { done: show(0), all: show(total), note: '' });
  return {
    update: (done, note = '') => bar.update(Math.min(done, total), { done: show(done), note }),
    stop: () => bar.stop(),
  };
}
