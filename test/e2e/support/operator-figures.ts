import { OPERATOR_NAMESPACE } from './kube-namespace.ts';
import { mustRun } from './local-kube.ts';

const PORT = 5557;
const READING_VERBS = ['get', 'list', 'watch'];

/** What all pods of the operator have counted since they started. */
export interface OperatorFigures {
  /** Calls to the API by `verb resource`, without those that keep watches and leases. */
  readonly calls: ReadonlyMap<string, number>;
  /** Of the pod that uses most. */
  readonly residentBytes: number;
}

export async function operatorFigures(): Promise<OperatorFigures> {
  const names = await mustRun('kubectl', [
    ...['--namespace', OPERATOR_NAMESPACE, 'get', 'pods', '--output', 'name'],
    ...['--selector', 'app.kubernetes.io/component=operator'],
  ]);
  const calls = new Map<string, number>();
  let residentBytes = 0;
  for (const name of names.split('\n').map((text) => text.replace('pod/', ''))) {
    const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods/${name}:${PORT}/proxy/metrics`;
    const text = await mustRun('kubectl', ['get', '--raw', path]);
    for (const line of text.split('\n')) {
      const [, labels = '', value = ''] =
        /^orbitmq_kube_calls_total\{(.*)\} (\d+)$/.exec(line) ?? [];
      if (labels === '') continue;
      const of = (label: string): string =>
        new RegExp(`${label}="([^"]*)"`).exec(labels)?.[1] ?? '';
      if (of('resource') === 'leases' || of('verb') === 'watch') continue;
      const key = `${of('verb')} ${of('resource')}`;
      calls.set(key, (calls.get(key) ?? 0) + Number(value));
    }
    const [, bytes = '0'] = /^process_resident_memory_bytes\{.*\} (\d+)$/m.exec(text) ?? [];
    residentBytes = Math.max(residentBytes, Number(bytes));
  }
  return { calls, residentBytes };
}

/** Calls of `after` that `before` does not have, as `verb resource: count`. */
export function callsBetween(before: OperatorFigures, after: OperatorFigures): readonly string[] {
  return [...after.calls]
    .map(([call, count]) => ({ call, count: count - (before.calls.get(call) ?? 0) }))
    .filter(({ count }) => count > 0)
    .map(({ call, count }) => `${call}: ${count}`);
}

export function writesIn(calls: readonly string[]): readonly string[] {
  return calls.filter((call) => !READING_VERBS.some((verb) => call.startsWith(`${verb} `)));
}
