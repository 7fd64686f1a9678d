import winston from 'winston';
import { formatJson, formatText } from './format-line.ts';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from './logger.ts';

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  /** Colours in text. */
  readonly isColored: boolean;
  readonly stream: NodeJS.WritableStream;
  /** Wall clock of the lines. */
  readonly nowMs: () => number;
}

const LEVELS = Object.fromEntries(LOG_LEVELS.map((level, index) => [level, index]));
const MESSAGE = Symbol.for('message');

/** The logger of a process. Everything else sees the `Logger` interface only. */
export function createLogger(settings: LogSettings): Logger {
  const line = winston.format((info) => {
    const { level, message, component, fields } = info as unknown as WinstonInfo;
    const entry = { timeMs: settings.nowMs(), level, component, message, fields };
    info[MESSAGE] =
      settings.format === 'json' ? formatJson(entry) : formatText(entry, settings.isColored);
    return info;
  });
  const root = winston.createLogger({
    levels: LEVELS,
    level: settings.level,
    format: line(),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares one class twice
    transports: [new winston.transports.Stream({ stream: settings.stream })],
    exitOnError: false,
  });
  return new WinstonLogger(root, '', {});
}

interface WinstonInfo {
  level: LogLevel;
  message: string;
  component: string;
  fields: LogFields;
}

class WinstonLogger implements Logger {
  readonly #root: winston.Logger;
  readonly #component: string;
  readonly #fields: LogFields;

  constructor(root: winston.Logger, component: string, fields: LogFields) {
    this.#root = root;
    this.#component = component;
    this.#fields = fields;
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    if (this.#root.isLevelEnabled('debug')) this.#write('debug', message, fields);
  }

  child(component: string, fields: LogFields = {}): Logger {
    return new WinstonLogger(this.#root, component, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.#root.log({
      level,
      message,
      component: this.#component,
      fields: { ...this.#fields, ...fields },
    });
  }
}
