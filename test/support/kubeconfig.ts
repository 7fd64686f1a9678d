/** A kubeconfig of one cluster and one user; JSON is YAML. `cluster`: further fields, such as who has signed its certificate. */
export function kubeconfigText(server: string, cluster: object, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, ...cluster } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}
