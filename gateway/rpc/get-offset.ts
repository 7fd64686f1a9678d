import { GetOffsetResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const getOffset = notImplementedMethod('GetOffset', 'unary', (response) =>
  GetOffsetResponse.encode(response).finish(),
);
