import type { Environment } from '../common/environment/environment.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { BrokerHeartbeat, BrokerHello } from '../common/model/broker-report.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { Address } from '../common/options/option-definition.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import type { ConfigurationFeed } from './configuration-feed.ts';
import { NameServerLink } from './registration/name-server-link.ts';

export interface RegistrationPorts {
  readonly options: Pick<
    NodeOptions,
    'clusterName' | 'brokerName' | 'namesrv' | 'heartbeatIntervalMs' | 'heartbeatExpiryMs'
  >;
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly advertised: Address;
  /** Asked for when registration starts: the broker is open by then. */
  readonly feed: () => ConfigurationFeed;
  readonly heartbeat: () => BrokerHeartbeat;
  readonly connect: (nameServer: Address) => RpcChannel;
}

const RUN_ID_BYTES = 8;

/** Makes the broker known to every NameServer, one stream each, for as long as it runs. */
export class Registration implements Component {
  readonly name = 'registration';
  readonly order = 'clients are sent here only when requests are taken';
  readonly #ports: RegistrationPorts;
  #links: readonly NameServerLink[] = [];
  #unsubscribe: () => void = () => undefined;
  #isTelling = false;

  constructor(ports: RegistrationPorts) {
    this.#ports = ports;
  }

  start(): Promise<void> {
    const { options, environment, logger, metrics, heartbeat, connect } = this.#ports;
    const feed = this.#ports.feed();
    const hello = this.#hello();
    this.#links = options.namesrv.map((nameServer) => {
      const ports = { environment, logger, feed, heartbeat, hello: () => hello };
      const address = formatAddress(nameServer);
      return new NameServerLink({ ...ports, address, connect: () => connect(nameServer) }, options);
    });
    metrics.collect('nameServerRegistered', () =>
      options.namesrv.map((nameServer, i) => [
        { namesrv: formatAddress(nameServer) },
        Number(this.#links[i]?.isRegistered ?? false),
      ]),
    );
    this.#unsubscribe = feed.subscribe(() => {
      this.#tellSoon();
    });
    for (const link of this.#links) link.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await Promise.all(this.#links.map((link) => link.stop()));
  }

  /** Changes of one turn of the event loop go out together. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#ports.environment.timers.soon(() => {
      this.#isTelling = false;
      for (const link of this.#links) link.configurationChanged();
    });
  }

  #hello(): BrokerHello {
    const { options, environment, version, advertised } = this.#ports;
    const { clusterName, brokerName, heartbeatIntervalMs } = options;
    return {
      clusterName,
      brokerName,
      advertised,
      // Terms begin with replication: a group of one has always had the same master.
      epoch: 0,
      version,
      runId: environment.random.bytes(RUN_ID_BYTES).toString('hex'),
      heartbeatIntervalMs,
    };
  }
}
