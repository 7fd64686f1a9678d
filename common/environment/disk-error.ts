/** An error of the disk port, shaped as node:fs shapes its own: callers look at `code`. */
export interface DiskError extends Error {
  code: string;
  syscall: string;
  path: string;
}

export function diskError(code: string, syscall: string, path: string, detail: string): DiskError {
  return Object.assign(new Error(`${code}: ${detail}, ${syscall} '${path}'`), {
    code,
    syscall,
    path,
  });
}
