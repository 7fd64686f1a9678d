import type { Environment } from '../common/environment/environment.ts';
import { isMqError, type MqError } from '../common/errors/mq-error.ts';
import { Admission } from './admission.ts';
import type { BrokerAccess, Cluster } from './broker-access.ts';
import { Drain } from './drain.ts';
import type { GatewayOptions } from './options.ts';
import { SessionRegistry, type BrokersToTell } from './session/session-registry.ts';

/** What the rpcs of a gateway share. */
export interface Gateway {
  readonly cluster: Cluster;
  /** Name of the broker group that this node is a member of; undefined on a NameServer. */
  readonly localBroker: string | undefined;
  readonly options: GatewayOptions;
  readonly environment: Environment;
  readonly admission: Admission;
  readonly sessions: SessionRegistry;
  readonly drain: Drain;
  /** An rpc failed with something that is not of the error catalogue: our bug, for the log. */
  readonly onUnexpected: (where: string, error: unknown) => void;
  /** After each answered rpc; for metrics. `code` is the Status in the response. */
  readonly onAnswered: ((rpc: string, code: number, durationMs: number) => void) | undefined;
  /** A call was refused since there is too much work; for metrics. `limit`: which one was reached. */
  readonly onOverload: ((limit: string) => void) | undefined;
}

export interface GatewayParts {
  readonly cluster: Cluster;
  readonly localBroker: string | undefined;
  readonly options: GatewayOptions;
  readonly environment: Environment;
  readonly onUnexpected: (where: string, error: unknown) => void;
  readonly onAnswered?: (rpc: string, code: number, durationMs: number) => void;
  readonly onOverload?: (limit: string) => void;
  /** A broker could not be reached to be told of a client; it is told again with the client's next sign of life. */
  readonly onUntold?: (what: string, error: MqError) => void;
}

function ownBroker(cluster: Cluster, localBroker: string | undefined): BrokerAccess | undefined {
  if (cluster.own !== undefined) return cluster.own();
  return localBroker === undefined ? undefined : cluster.broker(localBroker);
}

/** The parts wired together. Call `sessions.start()` when serving begins; `drain.begin()` and `sessions.stop()` when it ends. */
export function createGateway(parts: GatewayParts): Gateway {
  const { cluster, localBroker, options, environment, onUnexpected } = parts;
  const brokersToTell: BrokersToTell = (isForwarded) => {
    if (!isForwarded) return cluster.brokers();
    const own = ownBroker(cluster, localBroker);
    return own === undefined ? [] : [own];
  };
  return {
    ...parts,
    onAnswered: parts.onAnswered,
    onOverload: parts.onOverload,
    admission: new Admission(options),
    sessions: new SessionRegistry(options, environment, brokersToTell, (what, error) => {
      if (isMqError(error)) parts.onUntold?.(what, error);
      else onUnexpected(what, error);
    }),
    drain: new Drain(),
  };
}
