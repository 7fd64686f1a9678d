import type { Environment } from '../../common/environment/environment.ts';
import type { DiskFaults } from './disk-faults.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimClock, type ClockSkew } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';
import { SimDrive } from './sim-drive.ts';
import { SimProcessLife } from './sim-process.ts';
import { SimTimers } from './sim-timers.ts';

export interface NodeOptions {
  skew: ClockSkew;
  timerLatenessMeanMs: number;
  diskFaults: DiskFaults;
  diskCapacityBytes: number;
}

/** A machine: its clock and drive remain, its process lives from `start` to `crash` and then again. */
export class SimNode {
  readonly name: string;
  readonly clock: SimClock;
  readonly drive: SimDrive;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #timerLatenessMeanMs: number;
  readonly #deathListeners = new Set<() => void>();
  #process: SimProcessLife;
  #environment: Environment;
  #lifeCount = 0;

  constructor(name: string, scheduler: Scheduler, random: SeededRandom, options: NodeOptions) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#timerLatenessMeanMs = options.timerLatenessMeanMs;
    this.clock = new SimClock(scheduler, options.skew);
    this.drive = new SimDrive(random.fork('drive'), options.diskFaults, options.diskCapacityBytes);
    this.#process = this.#newProcess();
    this.#environment = this.#newEnvironment();
  }

  /** The outside world of the present life. */
  get environment(): Environment {
    return this.#environment;
  }

  get process(): SimProcessLife {
    return this.#process;
  }

  get isAlive(): boolean {
    return this.#process.isAlive;
  }

  /** Called when a life ends; forgotten afterwards. */
  onDeath(listener: () => void): void {
    this.#deathListeners.add(listener);
  }

  /** Power is lost: timers, disk operations and connections of this life end, unsynced data is lost in part. */
  crash(): void {
    if (this.#endLife()) this.drive.crash();
  }

  /** kill -9: as a crash, but the machine lives on, so everything written stays. */
  kill(): void {
    if (this.#endLife()) this.drive.endProcess();
  }

  /** A new life over what the drive kept. A node that is still alive crashes first. */
  restart(): Environment {
    this.crash();
    this.#process = this.#newProcess();
    this.#environment = this.#newEnvironment();
    return this.#environment;
  }

  #endLife(): boolean {
    if (!this.#process.isAlive) return false;
    this.#process.kill();
    const listeners = [...this.#deathListeners];
    this.#deathListeners.clear();
    for (const listener of listeners) listener();
    return true;
  }

  #newProcess(): SimProcessLife {
    this.#lifeCount++;
    return new SimProcessLife(this.name, this.#scheduler);
  }

  #newEnvironment(): Environment {
    const life = this.#random.fork(`life ${this.#lifeCount}`);
    return {
      clock: this.clock,
      timers: new SimTimers(this.#scheduler, this.clock, this.#process, {
        random: life.fork('timers'),
        meanMs: this.#timerLatenessMeanMs,
      }),
      random: life.fork('random'),
      disk: new SimDisk(this.drive, this.#scheduler, this.#process),
    };
  }
}
