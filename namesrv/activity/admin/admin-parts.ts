import type { ProtocolStatus } from '../../../common/errors/status.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import type { BrokerLink, BrokerLinks } from '../../broker-links.ts';
import type { RegistryService } from '../../registry/registry-service.ts';

/** What the administration of a NameServer works with. */
export interface AdminParts {
  readonly options: Pick<NodeOptions, 'clusterName'>;
  readonly service: RegistryService;
  readonly links: BrokerLinks;
  /** Status of anything thrown; what is not of the catalogue is logged as our bug. */
  toStatus(where: string, error: unknown): ProtocolStatus;
}

/** All brokers, for a change: refused while one may be alive that has not registered yet, since it would miss the change. */
export function linksForChange({ service, links }: AdminParts): readonly BrokerLink[] {
  const reason = service.warmUpReason();
  if (reason !== undefined) throw new MqError('not-ready', { reason });
  return links.up();
}
