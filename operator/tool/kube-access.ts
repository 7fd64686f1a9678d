import type { Duplex } from 'node:stream';
import type { Environment } from '../../common/environment/environment.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import { Metrics } from '../../common/metrics/metrics.ts';
import { KubeCaller } from '../kube/kube-caller.ts';
import { KubeClient } from '../kube/kube-client.ts';
import { isKubeError } from '../kube/kube-error.ts';
import { KubeconfigTransport, loadKubeConfig } from '../kube/kubeconfig-transport.ts';
import { podLog, type PodLogOptions } from '../kube/pod-log.ts';
import { openPortForward, socketOpener, type OpenSocket } from '../kube/port-forward.ts';

/** As kubectl has them. */
export interface KubeFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

export interface KubeAccessPorts {
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly logger: Logger;
}

/** Field manager, and what the audit log of the API server says. */
const WHO = 'kubectl-orbitmq';
const NAMESPACE_DEFAULT = 'default';
/** Nobody reads its figures. */
const SERIES_MAX = 1_000;

/** Kubernetes as the kubeconfig of a person opens it. */
export class KubeAccess {
  /** The one that was asked for, else that of the context. */
  readonly namespace: string;
  readonly kube: KubeClient;
  readonly #caller: KubeCaller;
  readonly #transport: KubeconfigTransport;
  readonly #open: OpenSocket;

  /** Throws `kubeconfig-unusable`. */
  constructor(flags: KubeFlags, { environment, logger }: KubeAccessPorts) {
    const config = loadKubeConfig(flags.kubeconfig, flags.context);
    const { clock, timers } = environment;
    const ofContext = config.getContextObject(config.getCurrentContext())?.namespace;
    this.namespace = flags.namespace ?? ofContext ?? NAMESPACE_DEFAULT;
    this.#transport = new KubeconfigTransport(config, clock, logger, WHO);
    const node = { cluster: '', node_type: 'kubectl', node_id: WHO };
    const metrics = new Metrics(node, SERIES_MAX);
    const ports = { transport: this.#transport, clock, timers, logger, metrics };
    this.kube = new KubeClient(ports, WHO);
    this.#caller = new KubeCaller(ports);
    this.#open = socketOpener(config);
  }

  log(
    at: { readonly namespace: string; readonly name: string },
    options: PodLogOptions,
  ): AsyncGenerator<Uint8Array> {
    return podLog(this.#caller, at, options);
  }

  forward(namespace: string, pod: string, port: number): Promise<Duplex> {
    return openPortForward(this.#open, { namespace, pod, port });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

/** What a call of Kubernetes failed with, as the person reads it; anything else stays as it is. */
export function inPlainWords(error: unknown): unknown {
  if (!isKubeError(error)) return error;
  const reason = error.message;
  switch (error.kind) {
    case 'unreachable':
      return new MqError('kube-unreachable', { reason }, error);
    case 'forbidden':
      return new MqError('kube-forbidden', { reason }, error);
    default:
      return new MqError('kube-refused', { reason }, error);
  }
}
