import type { Environment } from '../../common/environment/environment.ts';
import type { DiskFaults, DiskOperation } from './disk-faults.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimClock, type ClockSkew } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';
import { SimDrive, type DiskOperationEvent } from './sim-drive.ts';
import { SimHost } from './sim-host.ts';
import type { SimNetwork } from './sim-network.ts';
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
  readonly #network: SimNetwork;
  readonly #random: SeededRandom;
  readonly #timerLatenessMeanMs: number;
  readonly #deathListeners = new Set<() => void>();
  #process: SimProcessLife;
  #environment: Environment;
  #host: SimHost;
  #lifeCount = 0;

  constructor(name: string, network: SimNetwork, random: SeededRandom, options: NodeOptions) {
    this.name = name;
    this.#network = network;
    this.#scheduler = network.scheduler;
    this.#random = random;
    this.#timerLatenessMeanMs = options.timerLatenessMeanMs;
    this.clock = new SimClock(this.#scheduler, options.skew);
    this.drive = new SimDrive(random.fork('drive'), options.diskFaults, options.diskCapacityBytes);
    this.#process = this.#newProcess();
    this.#environment = this.#newEnvironment();
    this.#host = new SimHost(name, this.#process, network);
  }

  /** The outside world of the present life. */
  get environment(): Environment {
    return this.#environment;
  }

  /** The network as the present life sees it. */
  get host(): SimHost {
    return this.#host;
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
    if (this.#endLife(false)) this.drive.crash();
  }

  /** kill -9: as a crash, but the machine lives on, so everything written stays. */
  kill(): void {
    if (this.#endLife(true)) this.drive.endProcess();
  }

  /** Resolves when the node has crashed at its `count`th disk operation from now; never if this life ends before. */
  crashAtDiskOperation(count: number, kind?: DiskOperation): Promise<DiskOperationEvent> {
    const target = this.drive.operationCount(kind) + count;
    return new Promise((resolve) => {
      const stop = this.drive.onOperation((event) => {
        if (kind !== undefined && event.kind !== kind) return;
        if ((kind === undefined ? event.ordinal : event.ordinalOfKind) < target) return;
        stop();
        this.crash();
        resolve(event);
      });
      this.onDeath(stop);
    });
  }

  /** A new life over what the drive kept. A node that is still alive crashes first. */
  restart(): Environment {
    this.crash();
    this.#process = this.#newProcess();
    this.#environment = this.#newEnvironment();
    this.#host = new SimHost(this.name, this.#process, this.#network);
    return this.#environment;
  }

  #endLife(isMachineUp: boolean): boolean {
    if (!this.#process.isAlive) return false;
    this.#process.kill();
    this.#host.shutDown(isMachineUp);
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
