import type { RateLimitedReport } from './rate-limited-report.ts';
import type { CallOptions, RpcChannel, RpcStream, RpcStreamListener } from './rpc-channel.ts';
import { GRPC_STATUS, rpcStatusOf } from './rpc-error.ts';
import type { PeerSigner } from './peer-signature.ts';

export interface SignedChannelReport {
  readonly limit: RateLimitedReport;
  /** The other node does not take us for one of its cluster. */
  onRefused(address: string, path: string, reason: string, suppressed: number): void;
}

/** A channel whose calls say which node makes them. */
export class SignedChannel implements RpcChannel {
  readonly #channel: RpcChannel;
  readonly #signer: PeerSigner;
  readonly #report: SignedChannelReport;

  constructor(channel: RpcChannel, signer: PeerSigner, report: SignedChannelReport) {
    this.#channel = channel;
    this.#signer = signer;
    this.#report = report;
  }

  get address(): string {
    return this.#channel.address;
  }

  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    return this.#watched(path, this.#channel.unary(path, request, this.#signed(path, options)));
  }

  serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
    bytesMax: number,
  ): Promise<readonly Buffer[]> {
    const signed = this.#signed(path, options);
    return this.#watched(path, this.#channel.serverStream(path, request, signed, bytesMax));
  }

  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer> {
    return this.#watched(path, this.#channel.exchange(path, message, this.#signed(path, options)));
  }

  openStream(
    path: string,
    metadata: Readonly<Record<string, string>>,
    listener: RpcStreamListener,
  ): RpcStream {
    return this.#channel.openStream(
      path,
      { ...metadata, ...this.#signer.sign(path) },
      {
        message: (message) => {
          listener.message(message);
        },
        closed: (error) => {
          if (error !== undefined) this.#noteRefusal(path, error);
          listener.closed(error);
        },
      },
    );
  }

  close(): void {
    this.#channel.close();
  }

  #signed(path: string, options: CallOptions): CallOptions {
    return { ...options, metadata: { ...options.metadata, ...this.#signer.sign(path) } };
  }

  async #watched<Result>(path: string, call: Promise<Result>): Promise<Result> {
    try {
      return await call;
    } catch (error) {
      this.#noteRefusal(path, error);
      throw error;
    }
  }

  #noteRefusal(path: string, error: unknown): void {
    if (rpcStatusOf(error) !== GRPC_STATUS.unauthenticated) return;
    const suppressed = this.#report.limit.admit();
    if (suppressed === undefined) return;
    this.#report.onRefused(this.address, path, (error as Error).message, suppressed);
  }
}
