/**
 * A metadata value that a client has sent several times over, once: HTTP/2 joins the fields of one name to `a, a, a`. The Go
 * client adds all of its metadata again at each retry, and its second attempt must not come from another client id or
 * namespace than its first one.
 */
export function withoutRepeats(value: string): string {
  if (!value.includes(SEPARATOR)) return value;
  const [first = '', ...others] = value.split(SEPARATOR);
  return others.every((other) => other === first) ? first : value;
}

const SEPARATOR = ', ';
