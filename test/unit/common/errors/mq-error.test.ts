import { describe, expect, it } from '@jest/globals';
import {
  ERROR_CATALOG,
  errorDefinition,
  type ErrorCode,
} from '../../../../common/errors/catalog.ts';
import { EXIT_CODES } from '../../../../common/errors/exit-codes.ts';
import { GRPC_STATUS } from '../../../../common/errors/grpc-status.ts';
import { hasErrorCode, isMqError, MqError } from '../../../../common/errors/mq-error.ts';
import { PROTOCOL_CODES } from '../../../../common/errors/protocol-code.ts';
import { statusOf, toGrpcError, toStatus } from '../../../../common/errors/status.ts';
import { Code } from '../../../../proto/generated/v2.ts';

const CODES = Object.keys(ERROR_CATALOG) as ErrorCode[];

describe('error catalogue', () => {
  it('knows the same codes and numbers as the protocol', () => {
    const generated = Object.fromEntries(
      Object.entries(Code).filter(([name]) => Number.isNaN(Number(name))),
    );
    expect(PROTOCOL_CODES).toEqual(generated);
  });

  it('has kebab-case codes, and a hint that is a sentence', () => {
    for (const code of CODES) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(errorDefinition(code).hint).toMatch(/[.}]$/);
    }
  });

  it('does not answer OK to an error', () => {
    for (const code of CODES) {
      expect(PROTOCOL_CODES[errorDefinition(code).protocol]).toBeGreaterThanOrEqual(40_000);
      expect(GRPC_STATUS[errorDefinition(code).grpc]).not.toBe(GRPC_STATUS.OK);
    }
  });

  it('lets producers back off, and not jump to the next broker, when they are too many', () => {
    for (const code of CODES) {
      const { protocol, retry } = errorDefinition(code);
      if (protocol === 'TOO_MANY_REQUESTS') expect([code, retry]).toEqual([code, 'same-broker']);
    }
  });

  it('has one exit code for each reason', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(Math.max(...codes)).toBeLessThan(256);
  });
});

describe('MqError', () => {
  it('fills the fields into message and hint', () => {
    const error = new MqError('port-in-use', { address: '127.0.0.1:8081', flag: '--listen' });
    expect(error.message).toBe('127.0.0.1:8081 is in use by another process');
    expect(error.hint).toContain('another address with --listen');
  });

  it('does not interpret braces in values', () => {
    expect(new MqError('topic-not-found', { topic: '{topic} $& $1' }).message).toBe(
      'topic {topic} $& $1 does not exist',
    );
  });

  it('is recognised by its symbol, not by its class', () => {
    const fromAnotherRealm = { [Symbol.for('orbitmq.error')]: true, code: 'body-empty' };
    expect(isMqError(fromAnotherRealm)).toBe(true);
    expect(hasErrorCode(fromAnotherRealm, 'body-empty')).toBe(true);
    expect(isMqError(new Error('no'))).toBe(false);
    expect(isMqError(undefined)).toBe(false);
  });

  it('keeps the cause', () => {
    const cause = new Error('EACCES');
    expect(new MqError('body-empty', {}, cause).cause).toBe(cause);
  });
});

describe('status', () => {
  it('carries the protocol code, and ours in brackets', () => {
    expect(toStatus(new MqError('topic-not-found', { topic: 'T' }))).toEqual({
      code: 40402,
      message: 'topic T does not exist [topic-not-found]',
    });
    expect(statusOf('body-empty', {})).toEqual({
      code: 41302,
      message: 'message body is empty [body-empty]',
    });
  });

  it('turns what is not ours into an internal error without its text', () => {
    const secret = new Error('password=hunter2');
    expect(toStatus(secret).code).toBe(50001);
    expect(JSON.stringify([toStatus(secret), toGrpcError(secret)])).not.toContain('hunter2');
    expect(toGrpcError('a string').code).toBe(GRPC_STATUS.INTERNAL);
  });

  it('has a gRPC form', () => {
    expect(toGrpcError(new MqError('client-id-required', {})).code).toBe(
      GRPC_STATUS.INVALID_ARGUMENT,
    );
  });
});
