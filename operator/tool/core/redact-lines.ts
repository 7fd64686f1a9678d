/** Text that leaves the cluster: keys, tokens and passwords are taken out of it, line by line. */

const KEY_BEGINS = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const KEY_ENDS = /-----END [A-Z ]*PRIVATE KEY-----/;
const REDACTED = '[redacted]';

const IN_LINES: readonly (readonly [RegExp, string])[] = [
  [/(:\/\/[^\s:@/]{1,200}:)[^\s@/]+@/g, `$1${REDACTED}@`],
  [/\b(Bearer|Basic) [\w.~+/=-]{8,}/g, `$1 ${REDACTED}`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, REDACTED],
  [
    /\b(signature|credential|password|passwd|token|api[-_]?key)("?\s*[=:]\s*"?)[^\s,;&"]+/gi,
    `$1$2${REDACTED}`,
  ],
];

/** A key that begins and never ends takes the rest with it: that is the safe side. */
export function redactLines(text: string): string {
  let isInKey = false;
  const kept: string[] = [];
  for (const line of text.split('\n')) {
    if (isInKey) {
      isInKey = !KEY_ENDS.test(line);
      continue;
    }
    const begin = KEY_BEGINS.exec(line);
    isInKey = begin !== null && !KEY_ENDS.test(line.slice(begin.index));
    const open = begin === null ? line : `${line.slice(0, begin.index)}${REDACTED}`;
    kept.push(IN_LINES.reduce((part, [pattern, to]) => part.replace(pattern, to), open));
  }
  return kept.join('\n');
}
