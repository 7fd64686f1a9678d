import { describe, expect, it } from '@jest/globals';
import { GRPC_STATUS, rpcStatusOf } from '../../../../common/rpc/rpc-error.ts';
import type { CallContext } from '../../../../common/rpc/service-table.ts';
import {
  decodeHeardMembers,
  decodeRevocation,
  encodeListMembers,
  encodeRevokeEpoch,
  LIST_MEMBERS_PATH,
  REVOKE_EPOCH_PATH,
} from '../../../../common/wire/witness-codec.ts';
import { NameServerService } from '../../../../namesrv/activity/name-server-service.ts';
import { EXPIRY_MS, RegistrationWorld } from '../../../support/registration-world.ts';

/** A NameServer that has heard a master m1 of epoch 1 and a slave m2. */
function witness(): {
  world: RegistrationWorld;
  ask: (path: string, bytes: Uint8Array) => Promise<Buffer>;
} {
  const world = new RegistrationWorld();
  world.broker.kill();
  world.broker = world.addMember({ memberName: 'm1', epoch: 1 });
  world.addMember({ memberName: 'm2', epoch: 1, isSlave: true });
  world.time.advance(EXPIRY_MS + 500);
  const service = new NameServerService(world.nameServers[0]!.service!, (where, error) => {
    throw new Error(`unexpected in ${where}`, { cause: error });
  });
  const ask = async (path: string, bytes: Uint8Array): Promise<Buffer> => {
    const method = service.table()[path];
    if (method?.kind !== 'unary') throw new Error(`${path} is not unary`);
    return Buffer.from(await method.handle(Buffer.from(bytes), { method: path } as CallContext));
  };
  return { world, ask };
}

describe('what the failover controller asks of a NameServer', () => {
  it('is answered with every member, how long it was silent, and how long the NameServer has run', async () => {
    const { world, ask } = witness();
    world.broker.kill();
    world.time.advance(2_000);
    const heard = decodeHeardMembers(await ask(LIST_MEMBERS_PATH, encodeListMembers(['b'])));
    expect(heard).toMatchObject({ upMs: EXPIRY_MS + 2_500, heartbeatExpiryMs: EXPIRY_MS });
    const [m1, m2] = [...heard.members].sort((a, b) => a.memberName.localeCompare(b.memberName));
    expect(m1).toMatchObject({ memberName: 'm1', epoch: 1, isSlave: false, isConnected: false });
    expect(m1!.silentMs).toBeGreaterThanOrEqual(2_000);
    expect(m2).toMatchObject({ memberName: 'm2', isSlave: true, isConnected: true });
    expect(m2!.silentMs).toBeLessThanOrEqual(1_000);
    expect(m2!.logEndOffset).toBe(2 ** 45);
    const others = decodeHeardMembers(await ask(LIST_MEMBERS_PATH, encodeListMembers(['x'])));
    expect(others.members).toEqual([]);
  });

  it('is refused when it makes no sense', async () => {
    const { ask } = witness();
    const refused = ask(REVOKE_EPOCH_PATH, encodeRevokeEpoch('', 1));
    await expect(refused).rejects.toThrow(/broker_name/);
    const status = await refused.catch(rpcStatusOf);
    expect(status).toBe(GRPC_STATUS.invalidArgument);
  });
});

describe('the revocation of an epoch', () => {
  it('reaches the master with its next heartbeat, wherever the controller is', async () => {
    const { world, ask } = witness();
    const answer = decodeRevocation(await ask(REVOKE_EPOCH_PATH, encodeRevokeEpoch('b', 2)));
    expect(answer).toMatchObject({ isAccepted: true, epoch: 2 });
    expect(answer.silentMs).toBeLessThanOrEqual(1_000);
    world.broker.heard.length = 0;
    world.time.advance(1_500);
    expect(world.broker.heard.slice(0, 2)).toEqual(['over 2', 'withdrawn 0']);
    expect(world.broker.heard.some((line) => line.startsWith('granted'))).toBe(false);
  });
});
