/** Only errors are thrown here; the language does not know. */
export function thrown(error: unknown): Error {
  return error as Error;
}
