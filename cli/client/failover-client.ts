import {
  FailoverControllerMethods as Controller,
  NameServerMethods,
} from '../../proto/generated/orbitmq.ts';
import type { Connection } from './connection.ts';
import {
  explanationView,
  failoverGroupView,
  heardMember,
  transitionView,
  type ExplanationView,
  type FailoverGroupView,
  type HeardMember,
  type TransitionView,
} from './failover-view.ts';
import { throwRefusal } from './refusal.ts';

/** The failover controller. Every method throws what it refuses. */
export class FailoverClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Without names: all groups. */
  async listGroups(names: readonly string[] = []): Promise<FailoverGroupView[]> {
    const request = { brokerNames: [...names] };
    const response = await this.#connection.unary(Controller.ListGroups, request);
    throwRefusal(response.status);
    return response.groups.map(failoverGroupView);
  }

  /** `target`: '' for the most advanced member. */
  async switchover(group: string, target: string): Promise<TransitionView> {
    const request = { brokerName: group, targetMember: target };
    const response = await this.#connection.unary(Controller.Switchover, request);
    throwRefusal(response.status);
    return transitionView(response.transition ?? {});
  }

  /** `member`: '' for the whole group. */
  async fence(group: string, member: string, fenced: boolean): Promise<FailoverGroupView> {
    const request = { brokerName: group, memberName: member, fenced };
    const response = await this.#connection.unary(Controller.Fence, request);
    throwRefusal(response.status);
    return failoverGroupView(response.group ?? {});
  }

  async explain(group: string): Promise<ExplanationView> {
    const response = await this.#connection.unary(Controller.Explain, { brokerName: group });
    throwRefusal(response.status);
    return explanationView(group, response);
  }
}

/** The members that the NameServer at the other end has heard. */
export async function listHeardMembers(connection: Connection): Promise<HeardMember[]> {
  const response = await connection.unary(NameServerMethods.ListMembers, { brokerNames: [] });
  const { members, heartbeatExpiryMs } = response;
  return members.map((member) => heardMember(member, heartbeatExpiryMs));
}
