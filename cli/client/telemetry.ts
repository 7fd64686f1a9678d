import type { ClientDuplexStream } from '@grpc/grpc-js';
import { MqError } from '../../common/errors/mq-error.ts';
import {
  MessagingServiceMethods,
  type ISettings,
  type ITelemetryCommand,
  type TelemetryCommand,
} from '../../proto/generated/v2.ts';
import type { Connection } from './connection.ts';
import { refusalOf } from './refusal.ts';

/** The stream that tells the server who we are. It stays open as long as the client works. */
export class Telemetry {
  readonly #connection: Connection;
  readonly #stream: ClientDuplexStream<ITelemetryCommand, TelemetryCommand>;

  constructor(connection: Connection, headers: Readonly<Record<string, string>>) {
    this.#connection = connection;
    this.#stream = connection.bidi(MessagingServiceMethods.Telemetry, headers);
  }

  /** Sends the settings and waits for the server's; listens before it writes, so that an early answer is not lost. */
  async exchange(settings: ISettings): Promise<void> {
    const { endpoint, timeoutMs: limitMs } = this.#connection.settings;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          reject(new MqError('server-timeout', { endpoint, what: 'Telemetry', limitMs }));
        }, limitMs);
        this.#stream.on('error', (error: unknown) => {
          reject(this.#connection.failure(error, 'Telemetry'));
        });
        this.#stream.on('data', (command: TelemetryCommand) => {
          const refusal = refusalOf(command.status);
          if (command.status && refusal) reject(refusal);
          else if (command.settings) resolve();
        });
        this.#stream.write({ settings });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#stream.end();
    this.#stream.cancel();
  }
}
