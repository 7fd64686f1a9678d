/** A broken invariant: our bug, never the world's. It ends the process; the supervisor starts a new one. */
class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${claim}`);
}

/** For the default branch of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected value: ${String(value)}`);
}
