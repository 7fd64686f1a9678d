import { MqError } from './mq-error.ts';

/** What Node says when the operating system refused: a code, and where. By shape, since realms differ inside jest. */
interface SystemError {
  readonly code: string;
  readonly message: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
}

function asSystemError(error: unknown): SystemError | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? (error as SystemError) : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'it does not exist',
  EEXIST: 'it exists already',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EMFILE: 'too many files are open',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'the host name is not known',
  EIO: 'the disk reports an error',
};

/** Why the operating system refused, for a person: "permission denied". */
export function systemReason(error: unknown): string {
  const { code, message } = asSystemError(error) ?? { code: '', message: textOf(error) };
  return REASONS[code] ?? message;
}

function textOf(error: unknown): string {
  const hasMessage = typeof error === 'object' && error !== null && 'message' in error;
  return String(hasMessage ? error.message : error);
}

/** Error of a socket that could not listen; `flag` is the option that chooses the address. */
export function listenError(error: unknown, address: string, flag: string): MqError {
  if (asSystemError(error)?.code === 'EADDRINUSE') {
    return new MqError('port-in-use', { address, flag }, error);
  }
  return new MqError('listen-failed', { address, flag, reason: systemReason(error) }, error);
}

/** Codes after which the directory, as it is, cannot be used. */
const UNUSABLE: ReadonlySet<string> = new Set('EACCES EPERM EROFS ENOTDIR EEXIST EIO'.split(' '));

/** Error of the data directory. Undefined: not one of the operating system, or not about the directory. */
function dataDirectoryError(error: unknown, directory: string): MqError | undefined {
  const { code = '', path = directory } = asSystemError(error) ?? {};
  if (code === 'ELOCKED') return new MqError('data-locked', { directory }, error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MqError('no-space', { path }, error);
  if (!UNUSABLE.has(code)) return undefined;
  return new MqError('data-unusable', { directory, reason: systemReason(error) }, error);
}

/** A last look at what nobody has classified: what the surroundings did is no bug and needs no stack. */
export function environmentError(error: unknown): MqError | undefined {
  const system = asSystemError(error);
  if (system === undefined) return undefined;
  if (system.syscall === 'listen') {
    return listenError(error, `${system.address ?? '?'}:${system.port ?? '?'}`, '--listen');
  }
  return system.path === undefined ? undefined : dataDirectoryError(error, system.path);
}
