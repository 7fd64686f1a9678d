import { assertNever } from '../assert.ts';
import type { Address, OptionDefinition } from './option-definition.ts';
import { didYouMean } from './suggest.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './bytes-and-durations.ts';

export type Parsed =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

/** Addresses in one list option. */
const ADDRESSES_MAX = 64;

const good = (value: unknown): Parsed => ({ ok: true, value });
const bad = (reason: string): Parsed => ({ ok: false, reason });

/** Turns what a person wrote into the value of an option, or says what is wrong and what is allowed. */
export function parseValue(definition: OptionDefinition, raw: string): Parsed {
  const text = raw.trim();
  switch (definition.type) {
    case 'bytes':
      return inRange(definition, text, parseBytes(text), 'a size; write it as 64MiB, 1GiB or 4096');
    case 'duration':
      return inRange(
        definition,
        text,
        parseDuration(text),
        'a duration; write it with its unit, as 500ms, 10s, 72h or 1h30m',
      );
    case 'integer':
      return inRange(definition, text, parseInteger(text), 'a whole number');
    case 'percent':
      return inRange(definition, text, parseInteger(text.replace(/\s*%$/, '')), 'a percentage');
    case 'boolean':
      return parseBoolean(text);
    case 'enum':
      return parseChoice(definition, text);
    case 'string':
      return parseString(definition, text);
    case 'path':
      return text === '' ? bad('a path must not be empty') : good(text);
    case 'address':
      return parseAddress(text);
    case 'addresses':
      return parseAddresses(text);
    default:
      return assertNever(definition.type);
  }
}

function parseInteger(text: string): number | undefined {
  if (!/^-?\d[\d_]*$/.test(text)) return undefined;
  const value = Number(text.replaceAll('_', ''));
  return Number.isSafeInteger(value) ? value : undefined;
}

function inRange(
  definition: OptionDefinition,
  text: string,
  value: number | undefined,
  what: string,
): Parsed {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = definition;
  const range = rangeText(definition);
  if (value === undefined) return bad(`"${text}" is not ${what} (${range})`);
  if (value < min || value > max) return bad(`"${text}" is out of range (${range})`);
  return good(value);
}

function parseBoolean(text: string): Parsed {
  const lower = text.toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(lower)) return good(true);
  if (['false', 'no', 'off', '0'].includes(lower)) return good(false);
  return bad(`"${text}" is neither true nor false`);
}

function parseChoice(definition: OptionDefinition, text: string): Parsed {
  const choices = definition.choices ?? [];
  const choice = choices.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
  if (choice !== undefined) return good(choice);
  return bad(`"${text}" is not one of ${choices.join(', ')}${didYouMean(text, choices)}`);
}

function parseString(definition: OptionDefinition, text: string): Parsed {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, pattern, patternText } = definition;
  if (text.length < min || text.length > max) {
    return bad(`"${text}" has ${text.length} characters (${min} to ${max} are allowed)`);
  }
  if (pattern !== undefined && !pattern.test(text)) {
    return bad(`"${text}" has other characters than ${patternText ?? String(pattern)}`);
  }
  return good(text);
}

/** HOST:PORT, where an IPv6 host stands in brackets. */
export function parseAddress(text: string): Parsed {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    return bad(`"${text}" is not an address; write it as HOST:PORT, IPv6 as [::1]:8081`);
  }
  const port = Number(match[3]);
  if (port > 65_535) return bad(`"${text}" has port ${port} (0 to 65535 are allowed)`);
  const address: Address = { host: match[1] ?? match[2] ?? '', port };
  return good(Object.freeze(address));
}

function parseAddresses(text: string): Parsed {
  const parts = text.split(/[,;\s]+/).filter((part) => part !== '');
  if (parts.length > ADDRESSES_MAX)
    return bad(`has ${parts.length} addresses (at most ${ADDRESSES_MAX})`);
  const addresses: unknown[] = [];
  for (const part of parts) {
    const parsed = parseAddress(part);
    if (!parsed.ok) return parsed;
    addresses.push(parsed.value);
  }
  return good(Object.freeze(addresses));
}

export function formatAddress(address: Address): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

export function isSameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.host === b.host;
}

/** A number in the writing that this type of option takes. */
export function formatNumber(type: OptionDefinition['type'], value: number): string {
  if (type === 'bytes') return formatBytes(value);
  if (type === 'duration') return formatDuration(value);
  return type === 'percent' ? `${value}%` : String(value);
}

const RANGE_TEXT: Readonly<Partial<Record<OptionDefinition['type'], string>>> = {
  boolean: 'true or false',
  path: 'a path',
  address: 'HOST:PORT',
  addresses: 'HOST:PORT,…',
};

/** What is allowed, in words: `1ms to 60s`, `sync or async`, `HOST:PORT`. */
export function rangeText(definition: OptionDefinition): string {
  const { type, min = 0, max = Number.MAX_SAFE_INTEGER, zeroMeans, choices } = definition;
  if (choices !== undefined) return choices.join(' or ');
  if (type === 'string') return `${min} to ${max} characters`;
  const range = RANGE_TEXT[type] ?? `${formatNumber(type, min)} to ${formatNumber(type, max)}`;
  return zeroMeans === undefined ? range : `${range}; 0 = ${zeroMeans}`;
}
