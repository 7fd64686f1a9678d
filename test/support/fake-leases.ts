import { KubeError } from '../../operator/kube/kube-error.ts';
import type { Lease } from '../../operator/kube/resource.ts';

/** One Lease with compare and swap. `fault` makes the calls of one client fail. */
export class FakeLeases {
  lease: Lease | undefined;
  writes = 0;
  reads = 0;
  /** Once, between the next read and what its reader does then. */
  afterNextFind: (() => void) | undefined;

  client(state: { fault?: 'unreachable' | undefined } = {}) {
    const check = () => {
      if (state.fault === undefined) return;
      throw new KubeError({ kind: state.fault, status: 0, message: 'no way' });
    };
    return {
      find: async () => {
        this.reads++;
        check();
        const { lease, afterNextFind } = this;
        this.afterNextFind = undefined;
        afterNextFind?.();
        return lease;
      },
      create: async (_: unknown, lease: Lease) => {
        check();
        if (this.lease !== undefined) throw conflict('already-exists');
        return this.#store(lease);
      },
      replace: async (_: unknown, lease: Lease) => {
        check();
        const isSame = this.lease?.metadata.resourceVersion === lease.metadata.resourceVersion;
        if (!isSame) throw conflict('conflict');
        return this.#store(lease);
      },
    } as never;
  }

  /** A write that changes nothing but the version. */
  touch(): void {
    if (this.lease !== undefined) this.#store(this.lease);
  }

  #store(lease: Lease): Lease {
    const resourceVersion = String(++this.writes);
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion } };
    return this.lease;
  }
}

const conflict = (kind: 'conflict' | 'already-exists') =>
  new KubeError({ kind, status: 409, message: 'somebody was faster' });
