import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { receivedMessage } from '../../../../cli/client/received-message.ts';
import { Encoding } from '../../../../proto/generated/v2.ts';

describe('receivedMessage', () => {
  it('leaves out what the message does not have', () => {
    expect(receivedMessage({ topic: { name: 't' }, body: Buffer.from('hi') })).toEqual({
      topic: 't',
      queueId: 0,
      body: 'hi',
    });
  });

  it('shows bytes that are no text in base64', () => {
    expect(receivedMessage({ body: Buffer.from([0xff, 0xfe]) })).toMatchObject({
      bodyBase64: '//4=',
    });
  });

  it('unpacks a compressed body, and shows it as it is when the label is wrong', () => {
    const systemProperties = { bodyEncoding: Encoding.GZIP };
    const packed = { systemProperties, body: gzipSync('hello') };
    expect(receivedMessage(packed)).toMatchObject({ body: 'hello' });
    expect(receivedMessage({ systemProperties, body: Buffer.from('plain') })).toMatchObject({
      body: 'plain',
    });
  });
});
