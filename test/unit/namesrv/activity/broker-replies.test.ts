import { describe, expect, it } from '@jest/globals';
import { STATUS_OK, statusOf } from '../../../../common/errors/status.ts';
import {
  mergedClients,
  mergedConflicts,
} from '../../../../namesrv/activity/admin/group-clients.ts';
import {
  foundIn,
  outcomeOf,
  saysCode,
  type BrokerReply,
} from '../../../../namesrv/activity/admin/broker-replies.ts';
import { Code, FilterType, type IStatus } from '../../../../proto/generated/v2.ts';

const reply = (brokerName: string, status: IStatus): BrokerReply<string> => ({
  brokerName,
  status,
  response: status.code === Code.OK ? `of ${brokerName}` : undefined,
});
const exists = statusOf('topic-exists', { topic: 't' });
const missing = statusOf('topic-not-found', { topic: 't' });
const away = statusOf('forward-failed', { broker: 'x', reason: 'refused' });
const isExisting = (one: BrokerReply<string>): boolean => saysCode(one, 'topic-exists');

describe('the outcome of a change on all brokers', () => {
  it('is OK when all have done it, or have it already', () => {
    const all = outcomeOf([reply('a', STATUS_OK), reply('b', STATUS_OK)], isExisting);
    expect(all).toEqual({ status: STATUS_OK, response: 'of a' });
    const some = outcomeOf([reply('a', exists), reply('b', STATUS_OK)], isExisting);
    expect(some).toEqual({ status: STATUS_OK, response: 'of b' });
  });

  it('is what they say when none had anything to do', () => {
    expect(outcomeOf([reply('a', exists), reply('b', exists)], isExisting).status).toEqual(exists);
  });

  it('names who failed, and where it is done all the same', () => {
    const { status, response } = outcomeOf(
      [reply('a', STATUS_OK), reply('b', away), reply('c', STATUS_OK)],
      isExisting,
    );
    expect(status.code).toBe(away.code);
    expect(status.message).toBe(`done on a, c, not on b: ${away.message}`);
    expect(response).toBe('of a');
  });

  it('is the plain refusal when one broker is all there is', () => {
    expect(outcomeOf([reply('a', missing)], isExisting).status).toEqual(missing);
  });
});

describe('a question to all brokers', () => {
  it('is answered by those who know', () => {
    const { found, refusal } = foundIn(
      [reply('a', missing), reply('b', STATUS_OK)],
      'topic-not-found',
    );
    expect(found).toEqual([{ brokerName: 'b', response: 'of b' }]);
    expect(refusal).toBeUndefined();
  });

  it('is not answered "not found" while a broker that may know is away', () => {
    expect(foundIn([reply('a', missing), reply('b', away)], 'topic-not-found').refusal).toEqual(
      away,
    );
    expect(foundIn([reply('a', missing), reply('b', missing)], 'topic-not-found').refusal).toEqual(
      missing,
    );
  });
});

describe('clients of a group', () => {
  it('are listed once, as they were last heard of', () => {
    const lists = [
      [
        { clientId: 'y', lastSeenTimeMs: 1 },
        { clientId: 'x', lastSeenTimeMs: 5 },
      ],
      [{ clientId: 'x', lastSeenTimeMs: 3 }],
      undefined,
    ];
    expect(mergedClients(lists)).toEqual([
      { clientId: 'x', lastSeenTimeMs: 5 },
      { clientId: 'y', lastSeenTimeMs: 1 },
    ]);
  });

  it('are in conflict once for each topic, whichever brokers noticed', () => {
    const filter = (expression: string) => ({ type: FilterType.TAG, expression });
    const conflict = (...clientIds: string[]) => ({
      topic: 't',
      variants: [
        { filter: filter('a'), clientIds },
        { filter: filter('b'), clientIds: ['z'] },
      ],
    });
    expect(mergedConflicts([[conflict('x')], [conflict('y', 'x')], null])).toEqual([
      {
        topic: 't',
        variants: [
          { filter: filter('a'), clientIds: ['x', 'y'] },
          { filter: filter('b'), clientIds: ['z'] },
        ],
      },
    ]);
  });
});
