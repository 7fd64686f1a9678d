import { describe, expect, it } from '@jest/globals';
import { groupAdminService } from '../../../../broker/group/group-admin.ts';
import { STATUS_OK, statusOf, toStatus } from '../../../../common/errors/status.ts';
import { FORWARDED_HEADER } from '../../../../common/rpc/peer-guard.ts';
import type { CallContext, ServiceTable } from '../../../../common/rpc/service-table.ts';
import {
  AdminMethods,
  CreateTopicRequest,
  CreateTopicResponse,
  DescribeClusterResponse,
} from '../../../../proto/generated/orbitmq.ts';
import type { IStatus } from '../../../../proto/generated/v2.ts';
import { GroupWorld } from '../../../support/group-world.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const CREATE = AdminMethods.CreateTopic.path;

function context(method: string): CallContext {
  return {
    ...{ method, peer: '127.0.0.1:1', deadlineMs: 10_000, isTls: false },
    signal: new AbortController().signal,
    metadata: () => undefined,
  };
}

function world() {
  const time = new ManualTime();
  const members = new GroupWorld(time);
  const asked: string[] = [];
  const answers = new Map<string, IStatus>();
  for (const [name, member] of members.members) {
    const answer = (method: string) => {
      asked.push(`${name} ${method}`);
      return answers.get(name) ?? STATUS_OK;
    };
    const own: ServiceTable = {
      [CREATE]: {
        kind: 'unary',
        handle: (request) => {
          const topic = CreateTopicRequest.decode(request).topic ?? null;
          return Promise.resolve(
            CreateTopicResponse.encode({ status: answer('create'), topic }).finish(),
          );
        },
      },
      [AdminMethods.DescribeCluster.path]: {
        kind: 'unary',
        handle: () =>
          Promise.resolve(
            DescribeClusterResponse.encode({
              ...{ status: answer('describe'), clusterName: name },
            }).finish(),
          ),
      },
    };
    const table = groupAdminService({
      ...{ routing: member.routing, local: () => own },
      toStatus: (_where, error) => toStatus(error),
    });
    member.table = { ...member.table, ...table };
  }
  const call = async (name: string, path: string, bytes: Uint8Array) => {
    const method = members.at(name).table?.[path];
    if (method?.kind !== 'unary') throw new Error('no such method');
    return method.handle(Buffer.from(bytes), context(path));
  };
  const create = async (name: string) =>
    CreateTopicResponse.decode(
      await call(name, CREATE, CreateTopicRequest.encode({ topic: { name: 'orders' } }).finish()),
    );
  return { time, members, asked, answers, call, create };
}

describe('the administration at a member of a group', () => {
  it('is passed on to the master as it came, and so is the answer', async () => {
    const { members, create, asked } = world();
    members.elect('b');
    expect(await create('a')).toMatchObject({ status: STATUS_OK, topic: { name: 'orders' } });
    expect(asked).toEqual(['b create']);
    expect(members.channels[0]?.calls[0]?.metadata[FORWARDED_HEADER]).toBe('1');
  });

  it('is answered by the master itself', async () => {
    const { members, create, asked } = world();
    members.elect('a');
    expect((await create('a')).status).toEqual(STATUS_OK);
    expect(asked).toEqual(['a create']);
  });

  it('describes each node at the node', async () => {
    const { members, call, asked } = world();
    members.elect('b');
    const bytes = await call('a', AdminMethods.DescribeCluster.path, new Uint8Array());
    expect(DescribeClusterResponse.decode(bytes).clusterName).toBe('a');
    expect(asked).toEqual(['a describe']);
  });

  it('repeats no change that is perhaps done', async () => {
    const { members, create, asked, answers } = world();
    members.elect('a');
    answers.set('a', statusOf('outcome-unknown', { reason: 'deposed' }));
    const { status } = await create('a');
    expect(status?.message).toContain('[outcome-unknown]');
    expect(asked).toHaveLength(1);
  });

  it('makes a change at the next master when the last one has died and nobody was told yet', async () => {
    const { time, members, create, asked } = world();
    members.elect('b');
    members.at('b').table = undefined;
    const created = create('a');
    for (let turn = 0; turn < 400; turn += 1) {
      time.advance(turn % 10 === 0 ? 10 : 0);
      await Promise.resolve();
    }
    members.elect('c');
    expect((await created).status).toEqual(STATUS_OK);
    expect(asked).toEqual(['c create']);
  });

  it('waits for a master, and says so when none comes', async () => {
    const { time, create } = world();
    const created = create('a');
    for (let turn = 0; turn < 210; turn += 1) {
      time.advance(10);
      await Promise.resolve();
    }
    expect((await created).status?.message).toContain('[no-master]');
  });
});
