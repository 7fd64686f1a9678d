import type { Disk } from '../../common/environment/disk.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';

/**
 * Writes down which run of the process this is, before anybody else hears of it. Who looks after the process can then say of
 * this very run that it is over: Kubernetes hands the file out with the end of the container when it is its termination
 * message (`/dev/termination-log`).
 */
export class RunAnnouncement implements Component {
  readonly name = 'run id';
  readonly order = 'a run that others know must be one whose end can be told';
  readonly #disk: Pick<Disk, 'open'>;
  readonly #file: string | undefined;
  readonly #runId: string;

  constructor(disk: Pick<Disk, 'open'>, file: string | undefined, runId: string) {
    this.#disk = disk;
    this.#file = file;
    this.#runId = runId;
  }

  /** In place: the file may be one that is mounted, and cannot be replaced. */
  async start(): Promise<void> {
    if (this.#file === undefined) return;
    const file = await this.#disk.open(this.#file, { create: true });
    try {
      await file.truncate(0);
      await file.write(0, [Buffer.from(`${this.#runId}\n`)]);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
