import { describe, expect, it } from '@jest/globals';
import { RpcError, rpcStatusOf } from '../../../../common/rpc/rpc-error.ts';
import {
  CLOCK_WINDOW_MS,
  PEER_METADATA,
  PeerSigner,
  PeerVerifier,
} from '../../../../common/rpc/peer-signature.ts';
import { FORWARDED_HEADER, guarded } from '../../../../common/rpc/peer-guard.ts';
import type {
  BidiListener,
  CallContext,
  ServiceTable,
} from '../../../../common/rpc/service-table.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const SECRET = Buffer.from('a secret of the cluster');
const REPLICATE = '/orbitmq.v1.Replication/Replicate';
const SEND = '/apache.rocketmq.v2.MessagingService/SendMessage';
const MEMBER = '/orbitmq.v1.Member/Promote';

let drawn = 0;
const random = {
  bytes: (length: number) => {
    drawn += 1;
    return Buffer.alloc(length, drawn);
  },
};

function call(
  method: string,
  metadata: Readonly<Record<string, string>>,
  more: Partial<CallContext> = {},
): CallContext {
  return {
    method,
    peer: '10.0.0.7:5000',
    deadlineMs: undefined,
    signal: new AbortController().signal,
    isTls: false,
    metadata: (name) => metadata[name],
    ...more,
  };
}

function world() {
  const time = new ManualTime();
  const signer = new PeerSigner('a-1', SECRET, time, random);
  const verifier = new PeerVerifier([SECRET], time);
  const ask = (metadata: Readonly<Record<string, string>>, method = REPLICATE) =>
    verifier.verify(call(method, metadata), { once: true });
  return { time, signer, verifier, ask };
}

describe('the signature of a node', () => {
  it('tells who calls', () => {
    const { signer, ask } = world();
    expect(ask(signer.sign(REPLICATE))).toEqual({ ok: true, name: 'a-1' });
  });

  it('is good for one rpc, one name, one time and one nonce', () => {
    const { signer, ask } = world();
    const signed = signer.sign(REPLICATE);
    expect(ask(signed, MEMBER)).toMatchObject({ ok: false });
    const changes = {
      [PEER_METADATA.name]: 'a-2',
      [PEER_METADATA.time]: String(Number(signed[PEER_METADATA.time]) + 1),
      [PEER_METADATA.nonce]: '0'.repeat(32),
      [PEER_METADATA.mac]: '0'.repeat(64),
    };
    for (const [key, value] of Object.entries(changes)) {
      expect(ask({ ...signed, [key]: value })).toMatchObject({
        ok: false,
        reason: 'its signature does not fit our secret',
      });
    }
  });

  it('is taken once', () => {
    const { signer, ask, time } = world();
    const signed = signer.sign(REPLICATE);
    expect(ask(signed).ok).toBe(true);
    time.advance(CLOCK_WINDOW_MS / 2);
    ask(signer.sign(REPLICATE));
    expect(ask(signed)).toEqual({ ok: false, reason: 'its signature has been used before' });
  });

  it('is never taken twice, whenever it is repeated', () => {
    for (let firstMs = 0; firstMs <= 130_000; firstMs += 13_000) {
      for (let laterMs = 0; laterMs <= 150_000; laterMs += 7_000) {
        const { signer, ask, time } = world();
        ask(signer.sign(REPLICATE));
        // Signed by a node whose clock is ahead by nearly the whole window.
        const ahead = { nowMs: () => time.nowMs() + firstMs + CLOCK_WINDOW_MS - 1 };
        const signed = new PeerSigner('a-2', SECRET, ahead, random).sign(REPLICATE);
        time.advance(firstMs);
        expect(ask(signed).ok).toBe(true);
        time.advance(laterMs);
        ask(signer.sign(REPLICATE));
        expect(ask(signed).ok).toBe(false);
      }
    }
  });

  it('grows old, and says by how much the clocks differ', () => {
    const { signer, ask, time } = world();
    const signed = signer.sign(REPLICATE);
    time.advance(CLOCK_WINDOW_MS + 5_000);
    const verdict = ask(signed);
    expect(verdict.ok ? '' : verdict.reason).toContain('its clock is 65 s behind ours');
  });

  it('may be made with any of our secrets, so that they can be changed node by node', () => {
    const time = new ManualTime();
    const old = Buffer.from('the secret of last year');
    const verifier = new PeerVerifier([SECRET, old], time);
    const signed = new PeerSigner('a-1', old, time, random).sign(REPLICATE);
    expect(verifier.verify(call(REPLICATE, signed), { once: true }).ok).toBe(true);
  });

  it('does not cost memory without bound', () => {
    const time = new ManualTime();
    const verifier = new PeerVerifier([SECRET], time, { noncesMax: 2 });
    const signer = new PeerSigner('a-1', SECRET, time, random);
    const verdicts = [1, 2, 3].map(
      () => verifier.verify(call(REPLICATE, signer.sign(REPLICATE)), { once: true }).ok,
    );
    expect(verdicts).toEqual([true, true, false]);
    time.advance(2 * CLOCK_WINDOW_MS);
    const later = call(REPLICATE, signer.sign(REPLICATE));
    expect(verifier.verify(later, { once: true }).ok).toBe(true);
  });
});

describe('the door between nodes', () => {
  const deaf: BidiListener = { message: noop, halfClosed: noop, closed: noop };

  function door(requiresTls = false) {
    const { signer, verifier } = world();
    const refusals: string[] = [];
    const acks: Buffer[] = [];
    const opened: CallContext[] = [];
    const table: ServiceTable = {
      [SEND]: { kind: 'unary', handle: () => Promise.resolve(Buffer.from('sent')) },
      [MEMBER]: { kind: 'unary', handle: () => Promise.resolve(Buffer.from('promoted')) },
      [REPLICATE]: {
        kind: 'bidi',
        handle: (context) => {
          opened.push(context);
          return { ...deaf, message: (message) => acks.push(message) };
        },
      },
    };
    const guard = {
      ...{ verifier, requiresTls },
      onRefused: (context: CallContext, reason: string) => {
        refusals.push(`${context.peer} ${reason}`);
      },
    };
    const ends: (Error | undefined)[] = [];
    const stream = { send: () => undefined, end: (error?: Error) => void ends.push(error) };
    const unary = async (path: string, context: CallContext) => {
      const method = guarded(table, guard)[path];
      if (method?.kind !== 'unary') throw new Error('not unary');
      return String(await method.handle(Buffer.alloc(0), context));
    };
    const open = (context: CallContext) => {
      const method = guarded(table, guard)[REPLICATE];
      if (method?.kind !== 'bidi') throw new Error('not bidi');
      return method.handle(context, stream);
    };
    return { signer, refusals, acks, opened, ends, unary, open };
  }

  it('takes no acknowledgement from a slave that nobody knows (RocketMQ: slave ack spoof, no handshake on the HA port)', () => {
    const { open, acks, opened, ends, refusals } = door();
    const listener = open(call(REPLICATE, {}));
    listener.message(Buffer.from('acked up to the end of the log'));
    expect(opened).toHaveLength(0);
    expect(acks).toHaveLength(0);
    expect(rpcStatusOf(ends[0])).toBe(new RpcError('unauthenticated', '').rpcStatus);
    expect(refusals).toEqual(['10.0.0.7:5000 it is not signed; has the caller a peer secret?']);
  });

  it('lets a slave of the cluster in', () => {
    const { open, signer, acks, ends } = door();
    open(call(REPLICATE, signer.sign(REPLICATE))).message(Buffer.from('ack'));
    expect(acks).toHaveLength(1);
    expect(ends).toHaveLength(0);
  });

  it('takes orders only from nodes, and requests from everybody', async () => {
    const { unary, signer } = door();
    await expect(unary(MEMBER, call(MEMBER, {}))).rejects.toThrow('for nodes of this cluster');
    expect(await unary(MEMBER, call(MEMBER, signer.sign(MEMBER)))).toBe('promoted');
    expect(await unary(SEND, call(SEND, {}))).toBe('sent');
  });

  it('takes a request as forwarded only from a node', async () => {
    const { unary, signer } = door();
    const forwarded = { [FORWARDED_HEADER]: '1' };
    await expect(unary(SEND, call(SEND, forwarded))).rejects.toThrow('it is not signed');
    expect(await unary(SEND, call(SEND, { ...forwarded, ...signer.sign(SEND) }))).toBe('sent');
  });

  it('refuses nodes without TLS where nodes speak TLS', async () => {
    const { unary, signer } = door(true);
    await expect(unary(MEMBER, call(MEMBER, signer.sign(MEMBER)))).rejects.toThrow('without TLS');
    const encrypted = call(MEMBER, signer.sign(MEMBER), { isTls: true });
    expect(await unary(MEMBER, encrypted)).toBe('promoted');
    expect(await unary(SEND, call(SEND, {}))).toBe('sent');
  });

  it('stands open when neither secret nor TLS is configured', () => {
    const table: ServiceTable = {};
    const guard = { verifier: undefined, requiresTls: false, onRefused: noop };
    expect(guarded(table, guard)).toBe(table);
  });
});

function noop(): void {
  // Nothing to do in these tests.
}
