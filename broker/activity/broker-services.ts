import type { Environment } from '../../common/environment/environment.ts';
import type { ErrorCode, ErrorFields } from '../../common/errors/catalog.ts';
import type { ProtocolStatus } from '../../common/errors/status.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { AttemptKeeper } from '../consume/attempt-keeper.ts';
import type { ClientRegistry } from '../consume/client-registry.ts';
import type { Consumption } from '../consume/consumption.ts';
import type { Receiver } from '../consume/receiver.ts';
import type { Settler } from '../consume/settler.ts';
import type { Subscriptions } from '../consume/subscriptions.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { MessageLocator } from '../state/message-locator.ts';
import type { MessageReader } from '../state/message-reader.ts';
import type { MessageWriter } from '../state/message-writer.ts';
import type { TopicAdmin } from '../state/topic-admin.ts';
import type { Topic } from '../state/topic-table.ts';
import type { BrokerHealth } from '../broker-health.ts';
import type { ReceiptBook } from '../consume/receipt-book.ts';
import type { Traffic } from '../traffic.ts';

/** What the rpcs of a broker work with; built once by broker.ts. */
export interface BrokerServices {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly state: BrokerState;
  readonly writer: MessageWriter;
  readonly reader: MessageReader;
  readonly locator: MessageLocator;
  readonly admin: TopicAdmin;
  readonly clients: ClientRegistry;
  readonly subscriptions: Subscriptions;
  readonly consumption: Consumption;
  readonly receiver: Receiver;
  readonly attempts: AttemptKeeper;
  readonly settler: Settler;
  readonly receipts: ReceiptBook;
  readonly health: BrokerHealth;
  readonly traffic: Traffic;
  /** `host:port` under which this broker is advertised, in every delivered message. */
  readonly storeHost: string;
  /** Waits for what a request has written, for as long as requests wait to be confirmed. */
  confirmed<T>(work: Promise<T>): Promise<T>;
  /** Creates a topic as its first use would; undefined where that is not allowed. */
  autoCreateTopic(name: string): Promise<Topic | undefined>;
  status<Code extends ErrorCode>(code: Code, fields: ErrorFields<Code>): ProtocolStatus;
  /** Status of anything thrown; what is not of the catalogue is logged as our bug. */
  toStatus(where: string, error: unknown): ProtocolStatus;
}
