import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { within } from '../support/wait-for.ts';
import type { DriverOperations, DriverResponse, Operation } from './driver-protocol.ts';

/** Longer than any single operation: a long poll of 20 s and the client's own timeout and retries. */
const OPERATION_TIMEOUT_MS = 60_000;
const LOG_CHARACTERS_MAX = 100_000;

/** A failure that the client library reported. */
export class ClientFailure extends Error {
  /** Status code of the protocol, when the library tells it. */
  readonly code: number | null;

  constructor(message: string, code: number | null) {
    super(message);
    this.name = 'ClientFailure';
    this.code = code;
  }
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A running driver program, see driver-protocol.ts. */
export class ClientDriver {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #nextId = 1;
  #log = '';

  constructor(command: readonly string[], environment: Readonly<Record<string, string>>) {
    const [program = '', ...rest] = command;
    this.#child = spawn(program, rest, { env: { ...process.env, ...environment } });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#receive(line));
    this.#child.stdin.on('error', () => undefined); // a driver that ended is reported through `close`
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#end(`could not start: ${error.message}`, resolve));
      this.#child.once('close', (code, signal) =>
        this.#end(`ended with ${code ?? signal ?? '?'}`, resolve),
      );
    });
  }

  /** What the client library printed, the newest part of it. */
  get log(): string {
    return this.#log;
  }

  async call<O extends Operation>(
    op: O,
    args: DriverOperations[O]['args'],
  ): Promise<DriverOperations[O]['result']> {
    if (this.#hasEnded) throw new Error(`the driver is not running\n${this.#log.slice(-2_000)}`);
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    this.#child.stdin.write(`${JSON.stringify({ id, op, args })}\n`);
    try {
      return (await within(op, OPERATION_TIMEOUT_MS, answer)) as DriverOperations[O]['result'];
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Ends the program: closes its input, then kills it if it stays. */
  async close(graceMs = 2_000): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #receive(line: string): void {
    const response = parseResponse(line);
    if (response === undefined) {
      this.#keep(`${line}\n`); // a library that prints to standard output
      return;
    }
    const pending = this.#pending.get(response.id);
    if (pending === undefined) return; // answered after its timeout
    const { error } = response;
    if (error) pending.reject(new ClientFailure(error.message, error.code));
    else pending.resolve(response.result);
  }

  #end(reason: string, resolve: () => void): void {
    this.#hasEnded = true;
    const failure = new Error(`driver ${reason}\n${this.#log.slice(-4_000)}`);
    for (const pending of this.#pending.values()) pending.reject(failure);
    resolve();
  }

  #keep(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_CHARACTERS_MAX);
  }
}

function parseResponse(line: string): DriverResponse | undefined {
  if (!line.startsWith('{"id"')) return undefined;
  try {
    const value = JSON.parse(line) as DriverResponse;
    return typeof value.id === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}
