import { statusOf, type ProtocolStatus } from '../common/errors/status.ts';
import { peekReceiptHandle } from '../common/model/receipt-handle.ts';
import type { BrokerAccess } from './broker-access.ts';
import type { Gateway } from './gateway.ts';

/**
 * The broker that gave out a receipt handle. A text that is no handle, or names a broker that nobody knows, is answered as
 * invalid: it is the one code at which push consumers stop to repeat an acknowledgement.
 */
export function handleOwner(handle: string, gateway: Gateway): BrokerAccess | ProtocolStatus {
  const peeked = peekReceiptHandle(handle);
  if (peeked === undefined) return statusOf('receipt-handle-invalid', { reason: 'is malformed' });
  const broker = gateway.cluster.broker(peeked.brokerName);
  return broker ?? statusOf('receipt-handle-invalid', { reason: 'names an unknown broker' });
}

export function isStatus(owner: BrokerAccess | ProtocolStatus): owner is ProtocolStatus {
  return 'code' in owner;
}
