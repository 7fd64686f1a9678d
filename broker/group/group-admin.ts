/**
 * orbitmq.v1.Admin at a member of a group. What changes something, or needs what only the master has (its clients, positions of
 * consumers up to the last acknowledgement, offsets of queues), is answered by the master; a member that is not passes it on
 * as it came. `DescribeCluster` says what this node is, and so is answered by each.
 */
import { MqError } from '../../common/errors/mq-error.ts';
import type { ProtocolStatus } from '../../common/errors/status.ts';
import { FORWARDED_HEADER } from '../../common/rpc/peer-guard.ts';
import { GRPC_STATUS, rpcStatusOf } from '../../common/rpc/rpc-error.ts';
import type { CallContext, ServiceTable, UnaryHandler } from '../../common/rpc/service-table.ts';
import type { Caller } from '../../gateway/broker-access.ts';
import { hopsOf } from '../../gateway/client-context.ts';
import { AdminMethods, DeleteTopicResponse } from '../../proto/generated/orbitmq.ts';
import { GroupCall, type Attempt } from './group-call.ts';
import type { MemberLink } from './group-links.ts';
import type { GroupRouting } from './group-routing.ts';

const OF_THE_NODE: ReadonlySet<string> = new Set([AdminMethods.DescribeCluster.path]);

/** Those that change nothing: they may be asked at a second master when the first did not answer. */
const READS: ReadonlySet<string> = new Set(
  [
    AdminMethods.ListTopics,
    AdminMethods.DescribeTopic,
    AdminMethods.ListConsumerGroups,
    AdminMethods.DescribeConsumerGroup,
    AdminMethods.ListGroupClients,
    AdminMethods.PeekMessages,
  ].map(({ path }) => path),
);

/** The command line gives up after this as well. */
const REQUEST_TIMEOUT_MS = 10_000;
const DEADLINE_MARGIN_MS = 50;

export interface GroupAdminPorts {
  readonly routing: GroupRouting;
  /** The service over the broker of this process; undefined while its data is not open. */
  readonly local: () => ServiceTable | undefined;
  toStatus(where: string, error: unknown): ProtocolStatus;
}

/** Every method of the service; each finds its place when it is called. */
export function groupAdminService(ports: GroupAdminPorts): ServiceTable {
  return Object.fromEntries(
    Object.values(AdminMethods).map(({ path }) => {
      const handle: UnaryHandler = async (request, call) => {
        try {
          if (OF_THE_NODE.has(path)) return await atThisNode(ports, request, call);
          return await atTheMaster(ports, request, call);
        } catch (error) {
          // Every response of the service has its Status in field 1.
          return DeleteTopicResponse.encode({ status: ports.toStatus(path, error) }).finish();
        }
      };
      return [path, { kind: 'unary', handle }];
    }),
  );
}

function atThisNode(
  { local }: GroupAdminPorts,
  request: Buffer,
  call: CallContext,
): Promise<Uint8Array> {
  const method = local()?.[call.method];
  if (method?.kind === 'unary') return method.handle(request, call);
  throw new MqError('not-ready', { reason: 'its data is being opened' });
}

function atTheMaster(
  ports: GroupAdminPorts,
  request: Buffer,
  call: CallContext,
): Promise<Uint8Array> {
  const { routing } = ports;
  const caller: Caller = {
    remainingMs: call.deadlineMs,
    signal: call.signal,
    metadata: (name) => call.metadata(name),
  };
  const rules = {
    holdMs: routing.ports.options.masterWaitMs,
    isCounted: true,
    mayRepeat: READS.has(call.method),
    statuses: (answer: Uint8Array) => [DeleteTopicResponse.decode(answer).status],
  };
  return new GroupCall(routing, caller, rules).run((target, attempt) =>
    target.kind === 'local'
      ? atThisNode(ports, request, call)
      : forward(target.link, request, call, attempt, routing.ports.brokerName),
  );
}

async function forward(
  { channel }: MemberLink,
  request: Buffer,
  call: CallContext,
  attempt: Attempt,
  broker: string,
): Promise<Uint8Array> {
  const leftMs = (call.deadlineMs ?? Number.POSITIVE_INFINITY) - attempt.elapsedMs;
  const deadlineMs = Math.max(1, Math.min(REQUEST_TIMEOUT_MS, leftMs - DEADLINE_MARGIN_MS));
  const metadata = { [FORWARDED_HEADER]: String(hopsOf(call) + 1) };
  try {
    return await channel.unary(call.method, request, {
      ...{ deadlineMs, metadata, signal: attempt.signal },
    });
  } catch (error) {
    const status = rpcStatusOf(error);
    if (status === undefined) throw error;
    if (status === GRPC_STATUS.deadlineExceeded) {
      throw new MqError('forward-timeout', { broker, limitMs: Math.round(deadlineMs) }, error);
    }
    throw new MqError('forward-failed', { broker, reason: (error as Error).message }, error);
  }
}
