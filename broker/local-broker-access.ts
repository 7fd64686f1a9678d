import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import type { SendMessageView } from '../common/wire/send-message-view.ts';
import type {
  BrokerAccess,
  ClientContext,
  ClientRegistration,
  ReceiveOutcome,
} from '../gateway/broker-access.ts';
import type {
  IAckMessageRequest,
  IAckMessageResponse,
  IChangeInvisibleDurationRequest,
  IChangeInvisibleDurationResponse,
  IForwardMessageToDeadLetterQueueRequest,
  IForwardMessageToDeadLetterQueueResponse,
  IReceiveMessageRequest,
  ISendMessageResponse,
} from '../proto/generated/v2.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import { receiveMessage } from './activity/receive-message.ts';
import { registerClient, removeClient } from './activity/register-client.ts';
import { sendMessage } from './activity/send-message.ts';
import {
  ackMessage,
  changeInvisibleDuration,
  forwardMessageToDeadLetterQueue,
} from './activity/settle-message.ts';

/** The broker of this process behind the gateway's port: expected failures become the Status of a response. */
export class LocalBrokerAccess implements BrokerAccess {
  readonly brokerName: string;
  readonly #services: BrokerServices;

  constructor(services: BrokerServices) {
    this.brokerName = services.options.brokerName;
    this.#services = services;
  }

  async sendMessage(
    request: SendMessageView,
    client: ClientContext,
  ): Promise<ISendMessageResponse> {
    try {
      return await sendMessage(this.#services, request, client);
    } catch (error) {
      const status = this.#services.toStatus('SendMessage', error);
      return {
        status,
        entries: request.messages.map((message) => ({
          status,
          messageId: message.system.messageId,
        })),
      };
    }
  }

  async receiveMessage(
    request: IReceiveMessageRequest,
    client: ClientContext,
  ): Promise<ReceiveOutcome> {
    try {
      return await receiveMessage(this.#services, request, client);
    } catch (error) {
      const status = this.#services.toStatus('ReceiveMessage', error);
      return {
        status,
        messages: [],
        deliveryTimestampMs: this.#services.environment.clock.nowMs(),
      };
    }
  }

  ackMessage(request: IAckMessageRequest, client: ClientContext): Promise<IAckMessageResponse> {
    return ackMessage(this.#services, request, client);
  }

  async changeInvisibleDuration(
    request: IChangeInvisibleDurationRequest,
    client: ClientContext,
  ): Promise<IChangeInvisibleDurationResponse> {
    try {
      return await changeInvisibleDuration(this.#services, request, client);
    } catch (error) {
      // Go keeps the handle of an error reply too, so it gets back the one it has.
      const receiptHandle = request.receiptHandle ?? '';
      return { status: this.#services.toStatus('ChangeInvisibleDuration', error), receiptHandle };
    }
  }

  async forwardMessageToDeadLetterQueue(
    request: IForwardMessageToDeadLetterQueueRequest,
    client: ClientContext,
  ): Promise<IForwardMessageToDeadLetterQueueResponse> {
    try {
      return await forwardMessageToDeadLetterQueue(this.#services, request, client);
    } catch (error) {
      return { status: this.#services.toStatus('ForwardMessageToDeadLetterQueue', error) };
    }
  }

  registerClient(registration: ClientRegistration): Promise<void> {
    return registerClient(this.#services, registration);
  }

  removeClient(clientId: string): Promise<void> {
    removeClient(this.#services, clientId);
    return Promise.resolve();
  }

  topic(name: string): Promise<TopicConfig | undefined> {
    return Promise.resolve(this.#services.state.topics.get(name)?.config);
  }

  async autoCreateTopic(name: string): Promise<TopicConfig | undefined> {
    return (await this.#services.autoCreateTopic(name))?.config;
  }

  group(name: string): Promise<ConsumerGroupConfig | undefined> {
    return Promise.resolve(this.#services.state.groups.get(name)?.config);
  }
}
