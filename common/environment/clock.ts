/** The two clocks of a node. Everything that reads time takes this port, so that a simulator can own time. */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump; only for what people and other nodes read. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start, never going back, with a fraction. For durations and deadlines. */
  monotonicMs(): number;
}
