import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { endTelemetryWell } from '../../../support/official-telemetry.ts';

function clientWith(stream: EventEmitter): { createTelemetryStream(): EventEmitter } {
  return { createTelemetryStream: () => stream };
}

describe('a Telemetry stream that the official client has done with', () => {
  it('calls nobody any more: each listener that stays opens one stream more', () => {
    const client = clientWith(new EventEmitter());
    endTelemetryWell(client, () => false);
    const stream = client.createTelemetryStream();
    let calls = 0;
    stream.once('end', () => calls++).once('error', () => calls++);
    stream.removeAllListeners();
    stream.emit('end');
    stream.emit('error', new Error('connection lost'));
    expect(calls).toBe(0);
  });

  it('loses only the listeners of one event where one is named', () => {
    const client = clientWith(new EventEmitter());
    endTelemetryWell(client, () => false);
    const stream = client.createTelemetryStream();
    stream.on('data', () => undefined).on('end', () => undefined);
    stream.removeAllListeners('data');
    expect([stream.listenerCount('data'), stream.listenerCount('end')]).toEqual([0, 1]);
  });

  it('is not opened again by a client that was shut down', () => {
    const opened = new EventEmitter();
    const client = clientWith(opened);
    endTelemetryWell(client, () => true);
    expect(client.createTelemetryStream()).not.toBe(opened);
  });
});
