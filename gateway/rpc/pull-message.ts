import { PullMessageResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const pullMessage = notImplementedMethod('PullMessage', 'server-stream', (response) =>
  PullMessageResponse.encode(response).finish(),
);
