import { describe, expect, it } from '@jest/globals';
import { plainDetails } from '../../../../common/rpc/plain-details.ts';

describe('what grpc-js says of a call that failed', () => {
  it.each([
    [
      'No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.7:8081. Resolution note: ',
      'connect ECONNREFUSED 10.0.0.7:8081',
    ],
    [
      'No connection established. Last error: null. Resolution note: ',
      'no connection could be made yet',
    ],
    [
      'Name resolution failed for target dns:mq-0.peers.shop.svc:8081',
      'the name mq-0.peers.shop.svc:8081 cannot be resolved',
    ],
    [
      'Deadline exceeded after 1.501s,name resolution: 0.001s,Waiting for LB pick',
      'no answer within 1.5 s',
    ],
    [
      'No connection established. Last error: Error: self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca. Resolution note: ',
      'self-signed certificate',
    ],
    [
      'mq-broker-0-0 is not the master [not-master]',
      'mq-broker-0-0 is not the master [not-master]',
    ],
  ])('%s', (details, plain) => {
    expect(plainDetails(details)).toBe(plain);
  });
});
