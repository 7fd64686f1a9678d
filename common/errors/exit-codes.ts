/**
 * How a process of ours ends: one exit code for each reason, so that a script, a supervisor or the operator can tell them
 * apart without reading text. Numbers are never reused. Codes from 128 on mean "ended by signal n − 128", as in a shell.
 */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Done, or stopped by a signal after draining and flushing' },
  internal: { code: 1, meaning: 'A bug: a broken invariant or an error nobody expected' },
  usage: { code: 2, meaning: 'A wrong option, argument or configuration file' },
  'port-in-use': { code: 3, meaning: 'A port to listen on is taken or may not be bound' },
  'data-locked': { code: 4, meaning: 'Another process uses the data directory' },
  'data-unusable': { code: 5, meaning: 'The data directory cannot be read or written' },
  'disk-full': { code: 6, meaning: 'No space is left on the disk' },
  'store-corrupt': { code: 7, meaning: 'Stored data is damaged and was not touched' },
  'tls-files': { code: 8, meaning: 'A TLS certificate or key cannot be used' },
  'stop-timeout': { code: 9, meaning: 'Stopping took longer than the shutdown grace' },
  unreachable: { code: 10, meaning: 'CLI: no server could be reached' },
  timeout: { code: 11, meaning: 'CLI: no answer within --timeout' },
  'not-found': { code: 12, meaning: 'CLI: the topic, group or message does not exist' },
  refused: { code: 13, meaning: 'CLI: the server answered and refused' },
  damaged: { code: 14, meaning: 'CLI: store verify found damage' },
  'partial-failure': { code: 15, meaning: 'CLI: a part of the work failed' },
  interrupted: {
    code: 130,
    meaning: 'Ended at once by a second SIGINT, or an interrupted command',
  },
  terminated: { code: 143, meaning: 'Ended at once by a second SIGTERM' },
} as const;

export type ExitReason = keyof typeof EXIT_CODES;

export function exitCode(reason: ExitReason): number {
  return EXIT_CODES[reason].code;
}
