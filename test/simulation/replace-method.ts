/** Methods of the product's classes, as far as a test that replaces one of them has to know. */
type Methods = Record<string, (this: unknown, ...args: never[]) => unknown>;
export type Method = (...args: unknown[]) => unknown;

/** Replaces a method for a while: `instead` gets the original, bound, and the object. Returns what takes it back. */
export function replace(
  target: object,
  name: string,
  instead: (original: Method, self: unknown) => Method,
): () => void {
  const methods = target as Methods;
  const original = methods[name] as (this: unknown, ...args: unknown[]) => unknown;
  methods[name] = function (this: unknown, ...args: unknown[]) {
    return instead((...given) => original.apply(this, given), this)(...args);
  };
  return () => {
    methods[name] = original;
  };
}
