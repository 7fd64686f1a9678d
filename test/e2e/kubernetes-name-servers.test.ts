/**
 * NameServers that come and go under a cluster that needs them most: with asynchronous replication a master acknowledges only
 * while most of them grant it that.
 */
import { resolve } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EDGE_ENDPOINT, LoadedCluster } from './support/loaded-cluster.ts';
import { MISSING_KUBE, mustRun, NODES } from './support/local-kube.ts';
import { NewConnections } from './support/new-connections.ts';
import { installRelease, RELEASE_TIMEOUT_MS, report } from './support/orbitmq-release.ts';

const ORBITMQ = resolve('bin/orbitmq.js');
const DONE_WITHIN_MS = 120_000;
const TEST_TIMEOUT_MS = 900_000;
/** One that goes takes the connections of its clients with it. */
const UNAVAILABLE_MAX_MS = 5_000;
/** Longer than a lease, and than the silence after which a master is replaced: grants that are missing would show by then. */
const HOLD_MS = 15_000;
/** They have to be settled for a minute, and the operator looks once in another; one that is not ready for a moment begins anew. */
const PARTED_WITHIN_MS = 360_000;
/** Each goes to any of the NameServers. */
const NEW_CLIENTS = 6;
/** In the time that is held alone, on a machine with hardly any time for it. */
const OPENED_MIN = 50;
/** One that goes serves on for 4 s, and a machine with hardly any time may forget it later; without that all tries have failures. */
const GO_TRIES_MAX = 2;

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`NameServers of a cluster that is used${why}`, () => {
  let cluster: LoadedCluster;

  beforeAll(async () => {
    await installRelease();
    cluster = await LoadedCluster.create('servers', {
      ...{ groups: 1, members: 2 },
      spec: { replication: 'async', namesrv: { replicas: 1 } },
    });
  }, RELEASE_TIMEOUT_MS);

  afterAll(() => cluster.delete(), TEST_TIMEOUT_MS);

  async function scaleTo(replicas: number): Promise<void> {
    await cluster.apply({ namesrv: { replicas } });
    await cluster.namespace.until(`${replicas} NameServers`, DONE_WITHIN_MS, async () =>
      (await cluster.readyPods('namesrv')).length === replicas ? true : undefined,
    );
  }

  /** Of clients that begin now, wherever they come in. */
  async function topicsSeen(): Promise<readonly string[]> {
    const seen: string[] = [];
    for (let client = 0; client < NEW_CLIENTS; client++) {
      const words = ['topic', 'list', '-o', 'json', '--endpoint', EDGE_ENDPOINT];
      const text = await mustRun(execPath, [ORBITMQ, ...words]);
      seen.push(text);
    }
    return seen;
  }

  /** What became of new connections during the change and for a while after it. */
  async function refusedWhile(change: () => Promise<void>): Promise<readonly string[]> {
    const connections = NewConnections.start(EDGE_ENDPOINT);
    const broken = await change().then(
      () => [],
      (error: unknown) => [String(error)],
    );
    await sleep(HOLD_MS);
    const { opened, failures } = await connections.stop();
    expect(opened).toBeGreaterThan(OPENED_MIN);
    return [...broken, ...failures];
  }

  it(
    'may become three and one again: nothing is lost, nobody fails over, and new clients find everything',
    async () => {
      const before = await cluster.group().record();
      await cluster.survive({
        ...{ name: 'NameServers: one, three, one (async)', unavailableMaxMs: UNAVAILABLE_MAX_MS },
        strike: async () => {
          const [known] = await topicsSeen();
          let failures: readonly string[] = [];
          for (let attempt = 1; attempt <= GO_TRIES_MAX; attempt++) {
            await scaleTo(3);
            expect(new Set(await topicsSeen())).toEqual(new Set([known]));
            await sleep(HOLD_MS);
            failures = await refusedWhile(async () => {
              await scaleTo(1);
              expect(new Set(await topicsSeen())).toEqual(new Set([known]));
            });
            if (failures.length === 0) break;
          }
          expect(failures).toEqual([]);
        },
      });
      const after = await cluster.group().record();
      expect(after.epoch).toBe(before.epoch);
    },
    TEST_TIMEOUT_MS,
  );

  /** Names of nodes, one for each NameServer. */
  const hosts = async (): Promise<readonly string[]> =>
    (await cluster.readyPods('namesrv')).map(
      ({ spec }) => (spec as { nodeName?: string }).nodeName ?? '',
    );

  it(
    'that share a node, since another one took no pods, are parted when it does',
    async () => {
      const [first] = await hosts();
      const closed = first === 'node-1' ? 'node-2' : 'node-1';
      await cluster.survive({
        ...{ name: 'NameServers are parted (async)', unavailableMaxMs: UNAVAILABLE_MAX_MS },
        strike: async () => {
          await mustRun('kubectl', ['cordon', closed]);
          try {
            await scaleTo(NODES);
          } finally {
            await mustRun('kubectl', ['uncordon', closed]);
          }
          expect(await hosts()).not.toContain(closed);
          const { tookMs } = await cluster.namespace.until(
            'all apart',
            PARTED_WITHIN_MS,
            async () => (new Set(await hosts()).size === NODES ? true : undefined),
          );
          report('NameServers are parted, s', Math.round(tookMs / 1_000));
        },
      });
    },
    TEST_TIMEOUT_MS,
  );
});
