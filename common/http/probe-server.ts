import type { Environment } from '../environment/environment.ts';
import type { Component } from '../lifecycle/lifecycle.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NodeOptions } from '../options/node-options.ts';
import type { Address } from '../options/option-definition.ts';
import { HttpServer } from './http-server.ts';
import { nodeRoutes, type ReadinessCheck } from './node-routes.ts';

export interface ProbeServerPorts {
  readonly options: Pick<NodeOptions, 'httpListen'>;
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Metrics and probes as a part of a node: there from the first moment, so that a probe finds out what is missing. */
export class ProbeServer implements Component {
  readonly name = 'http server';
  readonly order = 'a probe may ask while the node still starts';
  readonly #http: HttpServer;
  #address: Address;

  constructor(
    { options, environment, logger, metrics }: ProbeServerPorts,
    checks: readonly ReadinessCheck[],
  ) {
    this.#address = options.httpListen;
    const routes = nodeRoutes(metrics, environment.timers, checks);
    const own = logger.child('http');
    this.#http = new HttpServer(
      options.httpListen,
      '--http-listen',
      routes,
      own,
      environment.clock,
    );
  }

  /** Where it listens; before the start, where it is to listen. */
  get address(): Address {
    return this.#address;
  }

  async start(): Promise<void> {
    this.#address = await this.#http.start();
  }

  stop(): Promise<void> {
    return this.#http.stop();
  }
}
