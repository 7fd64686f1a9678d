import type { LogFields, LogLevel } from './logger.ts';
import { redact, redactText } from './redact.ts';

export interface LogEntry {
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields;
}

const COLORS: Readonly<Record<LogLevel, number>> = { error: 31, warn: 33, info: 32, debug: 90 };
const GREY = 90;
const CYAN = 36;

/** One JSON object. Own keys come first and cannot be overwritten by fields. */
export function formatJson({ timeMs, level, component, message, fields }: LogEntry): string {
  const own = {
    time: new Date(timeMs).toISOString(),
    level,
    ...(component !== '' && { component }),
    message: redactText(message),
  };
  const clean = redact(fields) as Record<string, unknown>;
  return JSON.stringify({ ...own, ...clean, ...own });
}

/** `12:00:00.000 INFO  [store] message key=value …`, one line but for the stack of an unexpected error. */
export function formatText(entry: LogEntry, isColored: boolean): string {
  const paint = (color: number, text: string): string =>
    isColored ? `\u001b[${color}m${text}\u001b[0m` : text;
  const time = new Date(entry.timeMs).toISOString().slice(11, 23);
  const level = entry.level.toUpperCase().padEnd(5);
  const component = entry.component === '' ? '' : ` ${paint(CYAN, `[${entry.component}]`)}`;
  const { stack, pairs } = flatten(redact(entry.fields) as Record<string, unknown>);
  const tail = pairs.map(([key, value]) => ` ${paint(GREY, `${key}=`)}${value}`).join('');
  const message = escapeControls(redactText(entry.message));
  const head = `${paint(GREY, time)} ${paint(COLORS[entry.level], level)}${component}`;
  return `${head} ${message}${tail}${stack}`;
}

function flatten(fields: Record<string, unknown>): { stack: string; pairs: [string, string][] } {
  let stack = '';
  const pairs: [string, string][] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (isDescribedError(value)) {
      pairs.push([key, showValue(value.code ?? value.message)]);
      if (value.code !== undefined) pairs.push(['reason', showValue(value.message)]);
      if (value.stack !== undefined) stack += `\n${value.stack}`;
    } else {
      pairs.push([key, showValue(value)]);
    }
  }
  return { stack, pairs };
}

interface DescribedError {
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
}

function isDescribedError(value: unknown): value is DescribedError {
  return typeof value === 'object' && value !== null && 'message' in value;
}

function showValue(value: unknown): string {
  if (typeof value !== 'string') return escapeControls(JSON.stringify(value));
  return /^[\w.:/@%+,-]+$/.test(value) ? value : JSON.stringify(value);
}

/** What came over the wire must not forge lines or move the cursor of a terminal. */
function escapeControls(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character).slice(1, -1),
  );
}
