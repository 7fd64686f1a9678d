import type { LogFields, Logger, LogLevel } from '../../common/log/logger.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps its lines; for tests. Children write into the same list. Bound: what one test logs. */
export class CollectingLogger implements Logger {
  readonly lines: LogLine[];
  readonly #component: string;
  readonly #fields: LogFields;

  constructor(component = '', fields: LogFields = {}, lines: LogLine[] = []) {
    this.#component = component;
    this.#fields = fields;
    this.lines = lines;
  }

  error(message: string, fields?: LogFields): void {
    this.#add('error', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#add('warn', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#add('info', message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.#add('debug', message, fields);
  }

  child(component: string, fields: LogFields = {}): Logger {
    return new CollectingLogger(component, { ...this.#fields, ...fields }, this.lines);
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.lines.push({
      level,
      component: this.#component,
      message,
      fields: { ...this.#fields, ...fields },
    });
  }
}
