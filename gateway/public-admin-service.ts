/** apache.rocketmq.v2.Admin: known, and not built yet. OrbitMQ's own administration is orbitmq.v1.Admin. */
import { RpcError } from '../common/rpc/rpc-error.ts';
import type { ServiceMethod, ServiceTable } from '../common/rpc/service-table.ts';
import { AdminMethods, HeartbeatResponse } from '../proto/generated/v2.ts';
import { notImplementedMethod } from './not-implemented.ts';

/** The one rpc whose response has no Status. */
const WITHOUT_STATUS = 'ChangeLogLevel';

export function publicAdminService(): ServiceTable {
  return Object.fromEntries(
    Object.entries(AdminMethods).map(([name, { path }]) => [path, methodFor(name)]),
  );
}

function methodFor(name: string): ServiceMethod {
  if (name === WITHOUT_STATUS) {
    return {
      kind: 'unary',
      handle: () => Promise.reject(new RpcError('unimplemented', `${name} is not implemented`)),
    };
  }
  // All other responses have their Status in field 1, as this one has.
  return notImplementedMethod(name, 'unary', (response) =>
    HeartbeatResponse.encode(response).finish(),
  );
}
