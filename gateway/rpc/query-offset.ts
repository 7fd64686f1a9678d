import { QueryOffsetResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const queryOffset = notImplementedMethod('QueryOffset', 'unary', (response) =>
  QueryOffsetResponse.encode(response).finish(),
);
