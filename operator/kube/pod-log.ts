import { Deadline } from './deadline.ts';
import type { KubeCaller, KubeCall } from './kube-caller.ts';
import { RESOURCES, resourcePath } from './resource.ts';

export interface PodLogOptions {
  readonly container?: string | undefined;
  /** Of the container before the present one. */
  readonly previous?: boolean;
  /** Goes on as long as the container writes. */
  readonly follow?: boolean;
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly timestamps?: boolean;
  readonly signal?: AbortSignal;
}

const LOG_TIMEOUT_MS = 30_000;
/** A log that is followed may be silent for as long as its process has nothing to say. */
const FOLLOW_TIMEOUT_MS = 2 ** 31 - 1;

/** The log of a container, in the parts in which it comes. Rejects with a `KubeError`. */
export async function* podLog(
  caller: KubeCaller,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  options: PodLogOptions,
): AsyncGenerator<Uint8Array> {
  const call: KubeCall = {
    ...{ verb: 'get', resource: 'pods/log', subject: `${namespace}/${name}`, method: 'GET' },
    path: `${resourcePath(RESOURCES.pods, namespace, name, 'log')}?${queryOf(options)}`,
  };
  const timeoutMs = options.follow === true ? FOLLOW_TIMEOUT_MS : LOG_TIMEOUT_MS;
  const deadline = new Deadline(caller.timers, timeoutMs, options.signal);
  try {
    const { body } = await caller.open(call, deadline);
    yield* body;
  } catch (error) {
    throw caller.failure(call, error, deadline);
  } finally {
    deadline.end();
    deadline.abort();
  }
}

function queryOf(options: PodLogOptions): string {
  const { container, previous, follow, tailLines, sinceSeconds, limitBytes, timestamps } = options;
  const all = { container, previous, follow, tailLines, sinceSeconds, limitBytes, timestamps };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(all)) {
    if (value !== undefined && value !== false) query.set(key, String(value));
  }
  return query.toString();
}
