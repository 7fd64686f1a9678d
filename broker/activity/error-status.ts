import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { toStatus, type ProtocolStatus } from '../../common/errors/status.ts';
import type { Logger } from '../../common/log/logger.ts';
import { isStoreError } from '../store/store-error.ts';

/** The Status for anything that was thrown while a request was served. Our own bugs are logged in full, once each time. */
export function errorStatus(logger: Logger, where: string, error: unknown): ProtocolStatus {
  if (isMqError(error)) return toStatus(error);
  if (isStoreError(error)) {
    const { file, offset, reason } = error;
    logger.error('stored data could not be read', { where, file, offset, reason });
    return toStatus(new MqError('store-corrupt', { file, offset, reason }));
  }
  logger.error('unexpected error', { where, error });
  return toStatus(error);
}
