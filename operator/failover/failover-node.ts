import { MqError } from '../../common/errors/mq-error.ts';
import { ProbeServer } from '../../common/http/probe-server.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../../common/lifecycle/role-context.ts';
import { NodeServer } from '../../common/rpc/node-server.ts';
import { ClusterSpecFile } from './cluster-spec-file.ts';
import { timingsFor } from './controller-timings.ts';
import { FailoverController } from './failover-controller.ts';
import { FailoverService } from './failover-service.ts';
import { LocalGroupStore } from './local-group-store.ts';
import { LocalProcessWitness } from './local-process-witness.ts';
import { NO_WITNESS, type ProcessWitness } from './process-witness.ts';

/** What members and NameServers answer, all groups of a large cluster included. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** A failover controller as a node of its own: records in a directory, the cluster in a file. */
export class FailoverNode {
  readonly controller: FailoverController;
  readonly probes: ProbeServer;
  readonly server: NodeServer;
  readonly #store: LocalGroupStore;
  #isStarted = false;

  private constructor(context: RoleContext, spec: ClusterSpecFile, witness: ProcessWitness) {
    const { options, environment, metrics, peers } = context;
    const logger = context.logger.child('controller');
    const timings = timingsFor(options.controllerIntervalMs);
    const store = new LocalGroupStore(environment, options.controllerStateDirectory);
    const controller = new FailoverController({
      ...{ environment, logger, metrics, store, witness, spec, timings },
      connect: (address) => peers.connect(address, ANSWER_BYTES_MAX),
    });
    const service = new FailoverService(controller, {
      ...{ clock: environment.clock, timers: environment.timers, timings },
      onUnexpected: (where, error) => logger.error('unexpected error', { where, error }),
    });
    this.#store = store;
    this.controller = controller;
    this.server = new NodeServer({
      ...{ options, environment, metrics, logger: context.logger.child('server') },
      table: () => peers.guard(service.table()),
      certificateDirectory: undefined,
      beforeStop: () => {
        this.#isStarted = false;
      },
    });
    this.probes = new ProbeServer(context, [
      { name: 'controller', reason: () => (this.#isStarted ? undefined : 'it is starting') },
    ]);
  }

  /** Rejects with `cluster-spec-unusable` and its like. */
  static async create(context: RoleContext): Promise<FailoverNode> {
    const { options, environment } = context;
    const { clusterSpec: file } = options;
    if (file === undefined) {
      const problem = '--cluster-spec is missing: a controller needs to be told its cluster';
      throw new MqError('option-invalid', { problem });
    }
    const spec = new ClusterSpecFile(environment.disk, file);
    const { processDirectory } = await spec.read();
    const witness =
      processDirectory === undefined
        ? NO_WITNESS
        : new LocalProcessWitness(environment.disk, processDirectory);
    return new FailoverNode(context, spec, witness);
  }

  /** In the order in which they start. */
  get components(): readonly Component[] {
    const store: Component = {
      name: 'group records',
      order: 'the controller reads them before it decides anything',
      start: () => this.#store.open(),
      stop: () => Promise.resolve(),
    };
    const ready: Component = {
      name: 'readiness',
      order: 'all else runs',
      start: () => {
        this.#isStarted = true;
        return Promise.resolve();
      },
      stop: () => Promise.resolve(),
    };
    return [this.probes, store, this.controller, this.server, ready];
  }
}
