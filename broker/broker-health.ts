import type { Environment } from '../common/environment/environment.ts';
import type { TimerHandle } from '../common/environment/timers.ts';
import { MqError } from '../common/errors/mq-error.ts';
import type { Logger } from '../common/log/logger.ts';
import type { CommitLog } from './store/commit-log.ts';
import type { DiskWatermark } from './store/disk-watermark.ts';

/** Wait between two tries to bring a failed log back. */
const REOPEN_MS = 1_000;
const REOPEN_LOG_MS = 30_000;

export interface BrokerHealthPorts {
  readonly log: CommitLog;
  readonly watermark: DiskWatermark;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly directory: string;
  readonly diskRejectPercent: number;
  /** True while derived data cannot keep up with the log; sends are refused until it has. */
  isIndexSaturated(): boolean;
  /** Why the group does not let this member take writes now. */
  groupRefusal(): MqError | undefined;
  /** A failed log is brought back here; a member's is opened anew by whoever ends its term. */
  readonly reopens: boolean;
}

/** Whether the broker takes messages now, and the way back after the disk has failed. */
export class BrokerHealth {
  readonly #ports: BrokerHealthPorts;
  #timer: TimerHandle | undefined;
  #lastLoggedMs = -Infinity;
  #failures = 0;
  #stopping = false;

  constructor(ports: BrokerHealthPorts) {
    this.#ports = ports;
    ports.log.onFailure((failure) => {
      this.#failures++;
      const { operation, fromOffset, code, file, message } = failure;
      ports.logger.error(
        'the log has failed; messages are refused, reads go on, and it is tried again every second',
        {
          operation,
          fromOffset,
          code,
          file,
          reason: message,
        },
      );
      void ports.watermark.refresh();
      if (ports.reopens) this.#reopenLater();
    });
  }

  get logFailures(): number {
    return this.#failures;
  }

  get isWritable(): boolean {
    return this.refusal() === undefined;
  }

  /** Throws why messages are refused now, if they are. Acknowledgements are taken as long as the log takes anything. */
  requireWritable(): void {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
  }

  refusal(): MqError | undefined {
    if (this.#stopping) return new MqError('shutting-down', {});
    return this.storeRefusal() ?? this.#ports.groupRefusal();
  }

  /** Why this disk takes no messages now, whatever the group says. */
  storeRefusal(): MqError | undefined {
    const { log, watermark, directory, diskRejectPercent } = this.#ports;
    if (log.failure !== undefined)
      return new MqError('log-failed', { reason: log.failure.message });
    if (watermark.usage.state === 'full') {
      const { usedBytes, totalBytes } = watermark.usage;
      const usedPercent = Math.round((100 * usedBytes) / totalBytes);
      return new MqError('disk-full', {
        path: directory,
        usedPercent,
        limitPercent: diskRejectPercent,
      });
    }
    if (this.#ports.isIndexSaturated()) {
      return new MqError('too-many-requests', { what: 'queue index buffer', limit: 'its bound' });
    }
    return undefined;
  }

  /** From now on nothing new is taken. */
  stop(): void {
    this.#stopping = true;
    this.#timer?.cancel();
  }

  #reopenLater(): void {
    if (this.#stopping) return;
    this.#timer = this.#ports.environment.timers.after(REOPEN_MS, () => void this.#reopen());
  }

  async #reopen(): Promise<void> {
    const { log, logger, environment, watermark } = this.#ports;
    try {
      await log.reopen();
    } catch (error) {
      const nowMs = environment.clock.monotonicMs();
      if (nowMs - this.#lastLoggedMs >= REOPEN_LOG_MS) {
        this.#lastLoggedMs = nowMs;
        logger.warn('the log cannot be brought back yet', { error });
      }
      this.#reopenLater();
      return;
    }
    this.#lastLoggedMs = -Infinity;
    logger.info('the log takes messages again', { endOffset: log.endOffset });
    await watermark.refresh();
  }
}
