import { MqError } from '../../common/errors/mq-error.ts';

/** Throws `body-empty` or `body-too-large`. */
export function validateBody(bytes: number, limitBytes: number): void {
  if (bytes === 0) throw new MqError('body-empty', {});
  if (bytes > limitBytes) throw new MqError('body-too-large', { bytes, limitBytes });
}
