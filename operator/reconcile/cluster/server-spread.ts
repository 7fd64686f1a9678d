import { RESOURCES, type Node } from '../../kube/resource.ts';
import { isCordoned, readySinceMs } from '../pod-facts.ts';
import { planSpread, type Host } from './core/spread-plan.ts';
import type { ChildrenTurn } from './group-children.ts';

/** Of a taint that keeps pods away, or sends them away, unless they tolerate it. */
const CLOSING_EFFECTS: ReadonlySet<string | undefined> = new Set(['NoSchedule', 'NoExecute']);

/** Moves a NameServer of a settled cluster to a host that has none, one at a time. */
export class ServerSpread {
  /** By UID of the cluster: hosts that were free when one was moved last. Bound: clusters that are looked after. */
  readonly #tried = new Map<string, string>();

  /** To be called when nothing else is under way. */
  async turn({ ports, cluster, context, view, signal }: ChildrenTurn): Promise<void> {
    const { spread, namesrv } = context.spec;
    // Whoever places them by rules of their own, or wants them together, is not contradicted.
    if (spread.hosts === 'None' || namesrv.template.affinity !== undefined) return;
    const nowMs = ports.clock.nowMs();
    const servers = view.nameServerPods.map((pod) => {
      const sinceMs = pod.metadata.deletionTimestamp === undefined ? readySinceMs(pod) : undefined;
      const readyForMs = sinceMs === undefined ? undefined : nowMs - sinceMs;
      return { name: pod.metadata.name, host: pod.spec?.nodeName ?? '', readyForMs };
    });
    const hosts = ports.caches.nodes.all().map(hostOf);
    const move = planSpread(servers, namesrv.replicas, hosts);
    if (move === undefined) return;
    // It may not be allowed where there is room, which only the scheduler knows: then it comes back, and is not asked again.
    const { uid = '' } = cluster.metadata;
    const free = move.free.join(' ');
    if (this.#tried.get(uid) === free) return;
    this.#tried.set(uid, free);
    const pod = view.nameServerPods.find(({ metadata }) => metadata.name === move.server);
    const ref = { namespace: view.namespace, name: move.server };
    await ports.api.delete(RESOURCES.pods, ref, { uid: pod?.metadata.uid, signal });
    const message = `${move.server} is replaced: it shares ${move.host} with ${move.other}, while ${move.free.join(', ')} has no NameServer`;
    ports.story.tell(cluster, 'PodReplaced', message);
  }

  forget(uid: string): void {
    this.#tried.delete(uid);
  }
}

function hostOf(node: Node): Host {
  const isReady = node.status?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );
  const isClosed = node.spec?.taints?.some(({ effect }) => CLOSING_EFFECTS.has(effect)) === true;
  return {
    name: node.metadata.name,
    isOpen: isReady === true && !isClosed && !isCordoned(node),
  };
}
