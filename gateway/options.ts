import type { NodeOptions } from '../common/options/node-options.ts';

/** The options of a node that the gateway obeys. */
export type GatewayOptions = Pick<
  NodeOptions,
  | 'maxMessageBytes'
  | 'maxPropertiesBytes'
  | 'maxUserProperties'
  | 'maxTopicNameLength'
  | 'maxGroupNameLength'
  | 'maxBatchMessages'
  | 'receiveBatchMax'
  | 'longPollingMs'
  | 'longPollingMaxMs'
  | 'invisibleMinMs'
  | 'invisibleMaxMs'
  | 'maxWaitingReceives'
  | 'admissionRequests'
  | 'admissionBytes'
  | 'admissionRequestsPerClient'
  | 'admissionBytesPerClient'
  | 'clientExpiryMs'
>;
