import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import { CONTROLLER_PATHS } from '../../../common/wire/controller-codec.ts';
import { FenceRequest, SwitchoverRequest } from '../../../proto/generated/orbitmq.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { ClusterPlan } from './cluster-plan.ts';

const CALL = { deadlineMs: 2_000, metadata: {} };

/** Asks controllers for what an administrator may ask for at a bad moment. What they answer does not matter. */
export class Administrator {
  readonly #plan: ClusterPlan;
  readonly #connect: (address: string) => RpcChannel;

  constructor(plan: ClusterPlan, connect: (address: string) => RpcChannel) {
    this.#plan = plan;
    this.#connect = connect;
  }

  meddle(random: SeededRandom): void {
    const { name: brokerName, members } = random.pick(this.#plan.groups);
    const member = random.pick(members);
    const choice = random.float();
    if (choice < 0.6) {
      const targetMember = random.chance(0.5) ? member : '';
      this.#ask(
        random,
        CONTROLLER_PATHS.switchover,
        SwitchoverRequest.encode({ brokerName, targetMember }).finish(),
      );
    } else {
      const memberName = random.chance(0.8) ? member : '';
      this.#fence(random.pick(this.#plan.controllers), brokerName, memberName, random.chance(0.4));
    }
  }

  /** Nothing is fenced any more, if it is heard. */
  unfenceAll(): void {
    for (const controller of this.#plan.controllers) {
      for (const { name, members } of this.#plan.groups)
        for (const member of ['', ...members]) this.#fence(controller, name, member, false);
    }
  }

  fenceAtAll(brokerName: string, memberName: string, isFenced: boolean): void {
    for (const controller of this.#plan.controllers)
      this.#fence(controller, brokerName, memberName, isFenced);
  }

  #fence(controller: string, brokerName: string, memberName: string, isFenced: boolean): void {
    const request = FenceRequest.encode({ brokerName, memberName, fenced: isFenced }).finish();
    this.#call(controller, CONTROLLER_PATHS.fence, request);
  }

  #ask(random: SeededRandom, path: string, request: Uint8Array): void {
    this.#call(random.pick(this.#plan.controllers), path, request);
  }

  #call(controller: string, path: string, request: Uint8Array): void {
    const channel = this.#connect(`${controller}:8081`);
    void channel
      .unary(path, request, CALL)
      .catch(() => undefined)
      .then(() => {
        channel.close();
      });
  }
}
