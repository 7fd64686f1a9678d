import {
  AdminMethods,
  CreateTopicRequest,
  CreateTopicResponse,
} from '../proto/generated/orbitmq.ts';
import { Code } from '../proto/generated/v2.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { requestHeaders } from './http2-frames.ts';

const IN_FLIGHT = 64;

/** Creates `count` topics named `scale-<n>`, many at a time. */
export async function createTopics(
  endpoint: string,
  count: number,
  queueCount: number,
): Promise<void> {
  const port = Number(endpoint.split(':').at(-1));
  const connection = await GrpcConnection.open(port);
  const headers = requestHeaders(endpoint, AdminMethods.CreateTopic.path, {});
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const name = `scale-${next++}`;
      const request = CreateTopicRequest.encode({ topic: { name, queueCount } }).finish();
      const { messages, failure } = await connection.call(headers, request);
      const [reply] = messages;
      const status = reply === undefined ? undefined : CreateTopicResponse.decode(reply).status;
      if (status?.code !== Code.OK)
        throw new Error(`topic ${name}: ${failure ?? status?.message ?? 'no answer'}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  connection.close();
}
