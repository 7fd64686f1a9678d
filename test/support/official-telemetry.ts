import { EventEmitter } from 'node:events';

/** The part of an official Node.js client that opens its Telemetry streams. */
export interface TelemetryClient {
  createTelemetryStream(endpoints: unknown): EventEmitter;
}

/**
 * When the client (1.0.8) is done with a stream it takes its own listener away, and an error that comes then ends the process;
 * and a client that was shut down opens streams again, for ever. Both show when nodes are killed.
 */
export function endTelemetryWell(client: TelemetryClient, isClosed: () => boolean): void {
  const create = client.createTelemetryStream.bind(client);
  client.createTelemetryStream = (endpoints) => {
    if (isClosed())
      return Object.assign(new EventEmitter(), { write: () => true, end: () => undefined });
    const stream = create(endpoints);
    const remove = stream.removeAllListeners.bind(stream);
    // With an `undefined` instead of no argument nothing would be removed: each stream that fails would be opened twice again.
    stream.removeAllListeners = (...events) => {
      remove(...events);
      if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
      return stream;
    };
    return stream;
  };
}
