/**
 * What the code knows of logging. Fields are data, not text: they are shown as `key=value` to a person and as JSON to a
 * collector. Nothing logs once per message; see `RateLimitedLog` for what comes in floods.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger of a part: its lines carry `component`, and `fields` besides their own. */
  child(component: string, fields?: LogFields): Logger;
}

/** `error` may hold anything that was thrown; units stand in the names, as everywhere. */
export type LogFields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** For parts that are used where nobody listens. */
export const nullLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => nullLogger,
};
