import { SyncLiteSubscriptionResponse } from '../../proto/generated/v2.ts';
import { notImplementedMethod } from '../not-implemented.ts';

export const syncLiteSubscription = notImplementedMethod(
  'SyncLiteSubscription',
  'unary',
  (response) => SyncLiteSubscriptionResponse.encode(response).finish(),
);
