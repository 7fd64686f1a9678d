import { UpdateOffsetResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const updateOffset = notImplementedMethod('UpdateOffset', 'unary', (response) =>
  UpdateOffsetResponse.encode(response).finish(),
);
