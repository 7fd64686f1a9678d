import { errorDefinition, renderTemplate, type ErrorCode, type ErrorFields } from './catalog.ts';
import type { ErrorDefinition } from './error-definition.ts';

/**
 * Marks our errors. A symbol of the global registry and not `instanceof`: two copies of this module (jest gives each test
 * file its own) must still recognise each other's errors.
 */
const MQ_ERROR = Symbol.for('orbitmq.error');

/**
 * An expected failure from the catalogue: `throw new MqError('topic-not-found', { topic })`. It is not for bugs, which are
 * assertions.
 */
export class MqError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'MqError';
  readonly [MQ_ERROR] = true;
  readonly code: Code;
  readonly fields: Readonly<Record<string, string | number>>;

  constructor(code: Code, fields: ErrorFields<Code>, cause?: unknown) {
    super(
      renderTemplate(errorDefinition(code).message, fields),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.fields = fields;
  }

  get definition(): ErrorDefinition {
    return errorDefinition(this.code);
  }

  /** What the reader can do about it. */
  get hint(): string {
    return renderTemplate(this.definition.hint, this.fields);
  }
}

export function isMqError(error: unknown): error is MqError {
  return typeof error === 'object' && error !== null && MQ_ERROR in error;
}

/** Whether `error` is the named expected failure; narrows for the caller that handles just that one. */
export function hasErrorCode<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is MqError<Code> {
  return isMqError(error) && error.code === code;
}
