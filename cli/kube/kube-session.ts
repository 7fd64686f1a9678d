import process from 'node:process';
import { nodeEnvironment } from '../../common/environment/node/node-environment.ts';
import { nullLogger } from '../../common/log/logger.ts';
import type { KubeAccess } from '../../operator/tool/kube-access.ts';
import type { KubeOptions } from './kube-flags.ts';

/** What a command of the plugin works with. */
export interface KubeSession {
  readonly access: KubeAccess;
  readonly environment: ReturnType<typeof nodeEnvironment>;
  /** Aborted by the first Ctrl-C; the second one ends the process. */
  readonly signal: AbortSignal;
}

/** Opens Kubernetes as the flags say. The caller closes it. Its code is loaded only here: it is heavy. */
export async function openKube(options: KubeOptions): Promise<KubeAccess> {
  const { KubeAccess } = await import('../../operator/tool/kube-access.ts');
  return new KubeAccess(options, { environment: nodeEnvironment(), logger: nullLogger });
}

/** Runs one command against Kubernetes; what the API server refuses is said in the words of the catalogue. */
export async function withKube<Result>(
  options: KubeOptions,
  work: (session: KubeSession) => Promise<Result>,
): Promise<Result> {
  const { inPlainWords } = await import('../../operator/tool/kube-access.ts');
  const access = await openKube(options);
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await work({ access, environment: nodeEnvironment(), signal: interrupt.signal });
  } catch (error) {
    throw inPlainWords(error);
  } finally {
    process.off('SIGINT', onInterrupt);
    await access.close();
  }
}
