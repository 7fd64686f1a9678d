import { formatAddress } from '../../common/options/parse-value.ts';
import type { Command } from 'commander';
import { findGateway, GATEWAY_PORT } from '../../operator/tool/cluster-lookup.ts';
import type { ReachedServer, ReachOptions, ServerAccess } from '../server-access.ts';
import { KUBE_SHORT_FLAGS, type KubeOptions } from './kube-flags.ts';
import { openKube } from './kube-session.ts';
import { PodTunnel } from './pod-tunnel.ts';

/** A server in Kubernetes: a NameServer of the cluster, through a port-forward. It leads to every broker group. */
export class KubeServerAccess implements ServerAccess {
  readonly takenFlags = KUBE_SHORT_FLAGS;
  /** The flags are those of the program. */
  readonly #options: () => KubeOptions;

  constructor(options: () => KubeOptions) {
    this.#options = options;
  }

  addOptions(_command: Command): void {
    // Which cluster it is, the flags of the program say.
  }

  async reach({ timeout }: ReachOptions): Promise<ReachedServer> {
    const { inPlainWords } = await import('../../operator/tool/kube-access.ts');
    const access = await openKube(this.#options());
    try {
      const { namespace, kube } = access;
      const pod = await findGateway(kube, namespace, this.#options().cluster);
      const tunnel = await PodTunnel.create(() => access.forward(namespace, pod, GATEWAY_PORT));
      // It does not leave this machine before it is inside of the connection to the API server, which is encrypted.
      const plain = { tls: false, tlsInsecure: false, tlsCa: undefined };
      const endpoint = formatAddress(tunnel.address);
      return {
        settings: { endpoint, ...plain, timeoutMs: timeout },
        leave: async () => {
          await tunnel.close();
          await access.close();
        },
      };
    } catch (error) {
      await access.close();
      throw inPlainWords(error);
    }
  }
}
