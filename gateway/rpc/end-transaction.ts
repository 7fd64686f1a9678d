import { EndTransactionResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const endTransaction = notImplementedMethod('EndTransaction', 'unary', (response) =>
  EndTransactionResponse.encode(response).finish(),
);
