import { describe, expect, it } from '@jest/globals';
import { MqError } from '../../../../common/errors/mq-error.ts';
import { formatJson, formatText, type LogEntry } from '../../../../common/log/format-line.ts';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { KubeError } from '../../../../operator/kube/kube-error.ts';

const entry = (fields: Record<string, unknown>, message = 'listening'): LogEntry => ({
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  level: 'info',
  component: 'rpc',
  message,
  fields,
});

describe('text for a person', () => {
  it('is one line with component and fields', () => {
    expect(formatText(entry({ address: '127.0.0.1:8081', note: 'two words' }), false)).toBe(
      '03:04:05.006 INFO  [rpc] listening address=127.0.0.1:8081 note="two words"',
    );
  });

  it('cannot be forged by what came over the wire', () => {
    const line = formatText(entry({ topic: 'a\n03:04 ERROR fake' }, 'bad \u001b[2J name\n'), false);
    expect(line.split('\n')).toHaveLength(1);
    expect(line).not.toContain('\u001b');
  });

  it('shows the stack of the unexpected, and only code and reason of the expected', () => {
    const bug = formatText(entry({ error: new Error('boom') }), false);
    expect(bug).toMatch(/error=boom\nError: boom\n\s+at /);
    const expected = formatText(
      entry({ error: new MqError('topic-not-found', { topic: 'T' }) }),
      false,
    );
    expect(expected).toContain('error=topic-not-found reason="topic T does not exist"');
    expect(expected.split('\n')).toHaveLength(1);
  });

  it.each([
    ['a peer that does not answer', new RpcError('unavailable', 'connect ECONNREFUSED ::1:8081')],
    [
      'an answer of Kubernetes',
      new KubeError({ kind: 'forbidden', status: 403, message: 'get leases: forbidden' }),
    ],
    ['a name that nobody knows', Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })],
  ])('shows no stack of %s: its own line says what was wrong', (_, error) => {
    expect(error.stack).toContain(' at ');
    expect(formatText(entry({ error }), false).split('\n')).toHaveLength(1);
    expect(formatJson(entry({ error }))).not.toContain('stack');
  });

  it('has colours when asked', () => {
    expect(formatText(entry({}), true)).toContain('\u001b[32mINFO ');
  });
});

describe('JSON for a collector', () => {
  it('is one object whose own keys cannot be overwritten', () => {
    expect(
      JSON.parse(formatJson(entry({ level: 'fake', queueId: 3, body: Buffer.alloc(9) }))),
    ).toEqual({
      time: '2026-01-02T03:04:05.006Z',
      level: 'info',
      component: 'rpc',
      message: 'listening',
      queueId: 3,
      body: '[9 bytes]',
    });
  });
});

describe('secrets', () => {
  it.each([
    [{ password: 'hunter2' }],
    [{ client: { secretKey: 'hunter2' } }],
    [{ headers: { Authorization: 'MQv2-HMAC-SHA1 Credential=ak, Signature=hunter2' } }],
    [{ url: 'https://user:hunter2@host/' }],
    [{ text: 'MQv2-HMAC-SHA1 Credential=ak/x, Signature=hunter2' }],
    [{ pem: '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----' }],
    [{ error: new Error('connect failed, password=hunter2') }],
  ])('%j are not written', (fields) => {
    expect(formatJson(entry(fields))).not.toContain('hunter2');
    expect(formatText(entry(fields), false)).not.toContain('hunter2');
    expect(formatText(entry({}, `failed: ${String(Object.values(fields)[0])}`), false)).not.toMatch(
      /Signature=hunter2|:hunter2@/,
    );
  });

  it('and size are bounded, also for cyclic data', () => {
    const cyclic: Record<string, unknown> = {
      big: 'x'.repeat(100_000),
      list: Array(1_000).fill(1),
    };
    cyclic['self'] = cyclic;
    expect(formatJson(entry(cyclic)).length).toBeLessThan(20_000);
  });
});
