import type { LogFields, Logger } from '../../../common/log/logger.ts';

/** Last lines of all nodes that are told with a failure. */
const LINES_MAX = 400;

/** What all nodes of a world log, in order, with virtual time. */
export class SimLog {
  /** Written out only when somebody asks. */
  readonly #lines: (() => string)[] = [];
  readonly #nowMs: () => number;
  /** Told as they come, for whoever repeats a seed. */
  readonly #isLoud = process.env['ORBITMQ_SIMULATION_LOG'] !== undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(node: string, level: string, message: string, fields: LogFields = {}): void {
    const nowMs = this.#nowMs();
    const line = (): string =>
      `${nowMs.toFixed(1)} ${node} ${level} ${message} ${fieldsText(fields)}`;
    if (this.#isLoud) process.stdout.write(`${line()}\n`);
    if (this.#lines.length === LINES_MAX) this.#lines.shift();
    this.#lines.push(line);
  }

  logger(node: string): Logger {
    const logger: Logger = {
      error: (message, fields) => this.add(node, 'ERROR', message, fields),
      warn: (message, fields) => this.add(node, 'warn', message, fields),
      info: (message, fields) => this.add(node, 'info', message, fields),
      debug: () => undefined,
      child: () => logger,
    };
    return logger;
  }

  story(count = LINES_MAX): string[] {
    return this.#lines.slice(-count).map((line) => line());
  }
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ');
}

function valueText(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) {
    const { message, stack } = value as { message: unknown; stack?: string };
    return `${String(message)} ${stack?.split('\n').slice(1, 4).join('|') ?? ''}`;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
