/** Control characters of ISO 8859-1 and ASCII: what makes a name or property unreadable in logs and tools. */
// eslint-disable-next-line no-control-regex -- they are what we look for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

export function isBlank(text: string): boolean {
  return text.trim() === '';
}

const SHOWN_CHARACTERS = 64;

/** For error messages: what a caller sent is not to be repeated at any length. */
export function shown(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return printable.length <= SHOWN_CHARACTERS
    ? printable
    : `${printable.slice(0, SHOWN_CHARACTERS)}…`;
}
