import { Option, type Command } from 'commander';

/** Flags of every command of the plugin, called as kubectl calls them. */
export interface KubeOptions {
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly cluster?: string;
}

export function addKubeFlags(program: Command): Command {
  const flag = (flags: string, description: string): Option =>
    new Option(flags, description).helpGroup('Kubernetes:');
  return program
    .addOption(flag('-n, --namespace <name>', 'namespace; otherwise that of the context'))
    .addOption(flag('-c, --cluster <name>', 'BrokerCluster; otherwise the only one there is'))
    .addOption(flag('--context <name>', 'context of the kubeconfig'))
    .addOption(flag('--kubeconfig <file>', 'kubeconfig; otherwise KUBECONFIG or ~/.kube/config'));
}

/** Short flags that are no longer free for the commands. */
export const KUBE_SHORT_FLAGS = ['-n', '-c'];
