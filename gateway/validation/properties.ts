import { MqError } from '../../common/errors/mq-error.ts';
import { hasControlCharacter, isBlank, shown } from './text.ts';

/** Property names that RocketMQ gives a meaning to; a user property of that name would change how other clients see it. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['KEYS', 'TAGS', 'WAIT', 'DELAY', 'RETRY_TOPIC', 'REAL_TOPIC', 'REAL_QID', 'TRAN_MSG'],
  ...['PGROUP', 'MIN_OFFSET', 'MAX_OFFSET', 'BUYER_ID', 'ORIGIN_MESSAGE_ID', 'TRANSFER_FLAG'],
  ...['CORRECTION_FLAG', 'MQ2_FLAG', 'RECONSUME_TIME', 'MSG_REGION', 'UNIQ_KEY', 'TRACE_ON'],
  ...['EXTEND_UNIQ_INFO', 'MAX_RECONSUME_TIMES', 'CONSUME_START_TIME', 'INSTANCE_ID'],
  ...['TRAN_PREPARED_QUEUE_OFFSET', 'TRANSACTION_CHECK_TIMES', 'CHECK_IMMUNITY_TIME_IN_SECONDS'],
  ...['__SHARDINGKEY', '__transactionId__', '__CRC32#', 'INNER_MULTI_DISPATCH'],
  ...['INNER_MULTI_QUEUE_OFFSET', 'INNER_NUM', 'POP_CK', 'POP_CK_OFFSET', '1ST_POP_TIME'],
  ...['CORRELATION_ID', 'REPLY_TO_CLIENT', 'TTL', 'CLUSTER', 'MSG_TYPE', 'ARRIVE_TIME'],
  ...['PUSH_REPLY_TIME', 'DUP_INFO', 'BORN_HOST', 'BORN_TIMESTAMP', 'DLQ_ORIGIN_TOPIC'],
  ...['DLQ_ORIGIN_MESSAGE_ID', 'TIMER_DELIVER_MS', 'TIMER_DELAY_SEC', 'TIMER_DELAY_MS'],
  ...['TIMER_ENGINE_TYPE', 'TIMER_ENQUEUE_MS', 'TIMER_DEQUEUE_MS', 'TIMER_ROLL_TIMES'],
  ...['TIMER_OUT_MS', 'TIMER_DEL_UNIQKEY', 'TIMER_DELAY_LEVEL', 'TIMER_DEL_FLAG'],
]);

export interface PropertyLimits {
  readonly maxUserProperties: number;
  readonly maxPropertiesBytes: number;
}

/** Throws when there are too many user properties, or together with tag and keys too many bytes of them. */
export function validatePropertySizes(count: number, bytes: number, limits: PropertyLimits): void {
  if (count > limits.maxUserProperties) {
    throw new MqError('properties-too-many', { count, limit: limits.maxUserProperties });
  }
  if (bytes > limits.maxPropertiesBytes) {
    throw new MqError('properties-too-large', { bytes, limitBytes: limits.maxPropertiesBytes });
  }
}

/** Throws when a user property may not be one. */
export function validateProperty(key: string, value: string): void {
  const reason = illegalProperty(key, value);
  if (reason !== undefined) throw new MqError('property-key-illegal', { key: shown(key), reason });
}

function illegalProperty(key: string, value: string): string | undefined {
  if (isBlank(key)) return 'has a blank name';
  if (RESERVED.has(key)) return 'is reserved';
  if (hasControlCharacter(key)) return 'has a control character in its name';
  if (hasControlCharacter(value)) return 'has a control character in its value';
  return undefined;
}
