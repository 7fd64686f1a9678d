/** Noteworthy events of the rpc server. The composition root turns them into log lines; each kind is rate limited. */
export interface ServerReport {
  readonly kind:
    | 'garbage' // the first bytes are neither TLS nor HTTP/2
    | 'http1' // an HTTP/1 request, most often someone's browser or a mistaken probe
    | 'silent-connection' // closed: sent nothing, or half a preface, for the handshake timeout
    | 'too-many-connections'
    | 'tls-failed'
    | 'stalled-reader' // closed: does not read what it asked for
    | 'handler-failed'; // a handler rejected with something that is not an RpcError: our bug
  readonly peer: string;
  readonly detail: string;
  /** Events of the same kind since the last report that were not reported. */
  readonly suppressed: number;
}

export type ReportSink = (report: ServerReport) => void;
