/** The way to the API server, so that everything above it can be tested without one. */

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface KubeAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** What the server wants a person to know, such as fields that it does not know or versions that will go. */
  readonly warnings: readonly string[];
  /** Must be read to its end or abandoned with the signal: until then it holds a connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface KubeTransport {
  /** Resolves when the head of the answer is there, whatever its status. Rejects when there is no answer. */
  request(request: KubeRequest): Promise<KubeAnswer>;
  /** Ends all connections. */
  close(): Promise<void>;
}
