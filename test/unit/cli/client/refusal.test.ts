import { describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { statusOf } from '../../../../common/errors/status.ts';
import { callError, refusalOf } from '../../../../cli/client/refusal.ts';

const CALL = { endpoint: 'mq:8081', what: 'SendMessage', timeoutMs: 3_000 };

describe('refusalOf', () => {
  it('is nothing when the server agreed', () => {
    expect(refusalOf({ code: 20_000 })).toBeUndefined();
    expect(refusalOf({ code: 30_000 })).toBeUndefined();
  });

  it('takes hint and exit code from the catalogue when the server is ours', () => {
    const refusal = refusalOf(statusOf('topic-not-found', { topic: 'orders' }));
    expect(refusal?.message).toBe('topic orders does not exist');
    expect(refusal?.hint).toContain('orbitmq topic create');
    expect(refusal?.definition.exit).toBe('not-found');
  });

  it('shows name and number of the code of any other server', () => {
    const refusal = refusalOf({ code: 42_900, message: 'system busy' });
    expect(refusal?.message).toBe('system busy (TOO_MANY_REQUESTS 42900)');
    expect(refusal?.definition.exit).toBe('refused');
  });

  it('does not take a missing status for agreement', () => {
    expect(refusalOf(undefined)?.message).toContain('gives no reason');
  });
});

describe('callError', () => {
  const codeOf = (code: number, details: string): string => {
    const error = callError({ code, details }, CALL);
    return isMqError(error) ? error.code : 'other';
  };

  it('tells the unreachable from the untrusted, the slow and the foreign', () => {
    expect(codeOf(14, 'No connection established. Last error: Error: connect ECONNREFUSED')).toBe(
      'server-unreachable',
    );
    expect(codeOf(14, 'self-signed certificate')).toBe('server-untrusted');
    expect(codeOf(4, 'Deadline exceeded')).toBe('server-timeout');
    expect(codeOf(12, 'unknown method')).toBe('server-protocol');
    expect(codeOf(8, 'too much [too-many-requests]')).toBe('server-refused');
  });

  it('leaves alone what gRPC did not say', () => {
    const bug = new TypeError('bug');
    expect(callError(bug, CALL)).toBe(bug);
  });
});
