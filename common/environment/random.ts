/** Source of randomness; the real one is cryptographic, the simulated one is seeded. */
export interface Random {
  bytes(length: number): Buffer;
  /** Uniform integer in [0, 2^32). */
  uint32(): number;
}
