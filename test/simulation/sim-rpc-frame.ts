/** What stands before a message that travels over a SimConnection for an rpc; `call` is the number of the call there. */
export type Frame =
  | OpenFrame
  | { readonly kind: 'message' | 'half-close' | 'cancel'; readonly call: number }
  /** From the server: the one message of the response, and the call is over. */
  | { readonly kind: 'answer'; readonly call: number }
  /** From the server: the call is over. */
  | {
      readonly kind: 'end';
      readonly call: number;
      readonly status: number;
      readonly details: string;
    }
  /** From the client: so many bytes more have been read. */
  | { readonly kind: 'credit'; readonly call: number; readonly bytes: number };

/** A new call. Of one with a single request message the message is that, and nothing else follows. */
export interface OpenFrame {
  readonly kind: 'open';
  readonly call: number;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineMs: number | undefined;
  readonly isSingle: boolean;
}
