import { RecallMessageResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const recallMessage = notImplementedMethod('RecallMessage', 'unary', (response) =>
  RecallMessageResponse.encode(response).finish(),
);
