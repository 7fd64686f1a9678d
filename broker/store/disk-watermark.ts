/** Watches how full the disk is. A look that fails keeps the last state and is told to the listener; the next one comes. */
import { assert } from '../../common/assert.ts';
import type { Disk } from '../../common/environment/disk.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import {
  bytesToFree,
  nextWatermark,
  type Watermarks,
  type WatermarkState,
} from './core/watermark-policy.ts';
import { isDiskError } from './store-error.ts';

export interface DiskWatermarkOptions {
  directory: string;
  intervalMs: number;
  watermarks: Watermarks;
}

export interface DiskUsage {
  state: WatermarkState;
  usedBytes: number;
  totalBytes: number;
  /** For planRetention. */
  mustFreeBytes: number;
}

export class DiskWatermark {
  readonly #disk: Disk;
  readonly #timers: Timers;
  readonly #options: DiskWatermarkOptions;
  readonly #changeListeners: ((usage: DiskUsage, before: WatermarkState) => void)[] = [];
  readonly #failureListeners: ((error: { code: string; message: string }) => void)[] = [];
  #usage: DiskUsage = { state: 'ok', usedBytes: 0, totalBytes: 0, mustFreeBytes: 0 };
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(disk: Disk, timers: Timers, options: DiskWatermarkOptions) {
    const { cleanupRatio, forcedRatio, fullRatio } = options.watermarks;
    // A forced mark of 1 is never reached: nothing goes before its time.
    const doRise = cleanupRatio <= forcedRatio && (forcedRatio <= fullRatio || forcedRatio === 1);
    assert(doRise, 'watermarks rise');
    this.#disk = disk;
    this.#timers = timers;
    this.#options = options;
  }

  get usage(): DiskUsage {
    return this.#usage;
  }

  onChange(listener: (usage: DiskUsage, before: WatermarkState) => void): void {
    this.#changeListeners.push(listener);
  }

  onFailure(listener: (error: { code: string; message: string }) => void): void {
    this.#failureListeners.push(listener);
  }

  /** Looks once, then every `intervalMs` after the last look has ended. */
  async start(): Promise<void> {
    await this.refresh();
    if (this.#isStopped) return;
    this.#timer = this.#timers.after(this.#options.intervalMs, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Looks now; for use after segments were deleted, or when a write failed with ENOSPC. */
  async refresh(): Promise<DiskUsage> {
    const { directory, watermarks } = this.#options;
    try {
      const { totalBytes, freeBytes } = await this.#disk.space(directory);
      const usedBytes = totalBytes - freeBytes;
      const before = this.#usage.state;
      const state = nextWatermark(
        before,
        totalBytes === 0 ? 0 : usedBytes / totalBytes,
        watermarks,
      );
      const mustFreeBytes = bytesToFree(state, usedBytes, totalBytes, watermarks);
      this.#usage = { state, usedBytes, totalBytes, mustFreeBytes };
      if (state !== before)
        for (const listener of this.#changeListeners) listener(this.#usage, before);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      for (const listener of this.#failureListeners) listener(error);
    }
    return this.#usage;
  }
}
