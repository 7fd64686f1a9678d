import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  apply,
  conditionOf,
  kubectl,
  missingOperator,
  objectsOf,
  tryKubectl,
  until,
  untilCondition,
} from '../support/kubectl.ts';

const NAMESPACE = 'orbitmq-e2e-operator';
const CLUSTER: readonly [string, string, string] = [NAMESPACE, 'brokercluster', 'c'];
const API = 'orbitmq.io/v1alpha1';
const READY_MS = 90_000;
const CHANGE_MS = 300_000;
const QUIET_MS = 60_000;
const TOPICS = 200;
const TOPICS_MS = 30_000;

const BASE = {
  ...{ groups: 2, replicasPerGroup: 2, replication: 'sync', minInSyncReplicas: 1 },
  namesrv: { replicas: 1 },
  storage: { size: '1Gi', deletionPolicy: 'Delete' },
};

const cluster = (spec: object): object => ({
  ...{ apiVersion: API, kind: 'BrokerCluster', metadata: { name: 'c', namespace: NAMESPACE } },
  spec: { ...BASE, ...spec },
});
const topic = (name: string, spec: object = {}): object => ({
  ...{ apiVersion: API, kind: 'Topic', metadata: { name, namespace: NAMESPACE } },
  spec: { clusterRef: { name: 'c' }, ...spec },
});

const brokerPods = () => objectsOf(NAMESPACE, 'pods', 'app.kubernetes.io/component=broker');
const uids = (): string[] =>
  brokerPods()
    .map(({ metadata }) => metadata.uid)
    .toSorted();
const masterOf = (group: string): string => {
  const found = objectsOf(NAMESPACE, 'brokergroups').find(
    ({ metadata }) => metadata.name === group,
  );
  return (found?.status?.['master'] as { name: string } | undefined)?.name ?? '';
};
const isSettled = (): boolean =>
  /^True/.test(conditionOf(...CLUSTER, 'Ready')) &&
  /^False/.test(conditionOf(...CLUSTER, 'Progressing'));

/** Versions of everything that is there: equal means that nobody has written. */
function versions(): string {
  const kinds = [
    ...['brokerclusters', 'brokergroups', 'topics', 'statefulsets', 'services', 'configmaps'],
    ...['secrets', 'poddisruptionbudgets', 'networkpolicies', 'persistentvolumeclaims', 'pods'],
  ];
  return objectsOf(NAMESPACE, kinds.join(','))
    .map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`)
    .toSorted()
    .join('\n');
}

const missing = missingOperator();
const suite = missing === undefined ? describe : describe.skip;

suite(`a cluster in Kubernetes${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  beforeAll(() => {
    tryKubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait']);
    kubectl('create', 'namespace', NAMESPACE);
  }, CHANGE_MS);

  afterAll(() => {
    tryKubectl(['delete', 'namespace', NAMESPACE, '--wait=false']);
  });

  it(
    'is ready in time, and its topic too',
    async () => {
      expect(apply([cluster({}), topic('orders')])).toMatchObject({ isGood: true });
      await untilCondition(CLUSTER, 'Ready', /^True/, READY_MS);
      await untilCondition([NAMESPACE, 'topic', 'orders'], 'Ready', /^True/, READY_MS);
      await until(isSettled, READY_MS);
    },
    3 * READY_MS,
  );

  it(
    'is not written to when nothing changes',
    async () => {
      await until(isSettled, READY_MS);
      const before = versions();
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      expect(versions()).toBe(before);
    },
    READY_MS + 2 * QUIET_MS,
  );

  it(
    'gets another master when the pod of its master is deleted, and the pod comes back as a slave',
    async () => {
      const old = masterOf('c-broker-0');
      kubectl('delete', 'pod', '-n', NAMESPACE, old, '--wait=false');
      await until(() => !['', old].includes(masterOf('c-broker-0')), READY_MS);
      await until(isSettled, CHANGE_MS);
      const pod = brokerPods().find(({ metadata }) => metadata.name === old);
      expect(pod?.metadata.labels?.['orbitmq.io/role']).toBe('slave');
    },
    READY_MS + CHANGE_MS,
  );

  it(
    'hands over when people ask for it',
    async () => {
      const old = masterOf('c-broker-1');
      kubectl('annotate', 'bgr', '-n', NAMESPACE, 'c-broker-1', 'orbitmq.io/switchover=any');
      await until(() => !['', old].includes(masterOf('c-broker-1')), READY_MS);
      await until(isSettled, CHANGE_MS);
    },
    READY_MS + CHANGE_MS,
  );

  it(
    'has more NameServers and fewer without a restart of any broker',
    async () => {
      const before = uids();
      for (const replicas of [3, 1]) {
        apply([cluster({ namesrv: { replicas } })]);
        const ready = (): boolean => {
          const pods = objectsOf(NAMESPACE, 'pods', 'app.kubernetes.io/component=namesrv');
          return pods.length === replicas && isSettled();
        };
        await until(ready, CHANGE_MS);
      }
      expect(uids()).toEqual(before);
    },
    3 * CHANGE_MS,
  );

  it(
    'restarts every member once for an option that needs it, one after the other',
    async () => {
      const before = new Set(uids());
      apply([cluster({ options: { 'limits.maxConnections': '5000' } })]);
      await until(
        () => brokerPods().length === 4 && uids().every((uid) => !before.has(uid)),
        CHANGE_MS,
      );
      await until(isSettled, CHANGE_MS);
      expect(conditionOf(...CLUSTER, 'Upgrading')).toMatch(/^False/);
    },
    3 * CHANGE_MS,
  );

  it(
    'grows to three groups with all topics, and back to two when the third is empty',
    async () => {
      apply([cluster({ groups: 3 })]);
      await until(() => masterOf('c-broker-2') !== '' && isSettled(), CHANGE_MS);
      const has = (): boolean => {
        const [found] = objectsOf(NAMESPACE, 'topics');
        return (found?.status?.['groups'] as string[] | undefined)?.includes('broker-2') === true;
      };
      await until(has, READY_MS);
      apply([cluster({ groups: 2 })]);
      const isGone = (): boolean =>
        !objectsOf(NAMESPACE, 'brokergroups').some(
          ({ metadata }) => metadata.name === 'c-broker-2',
        );
      await until(() => isGone() && isSettled(), CHANGE_MS);
    },
    3 * CHANGE_MS,
  );

  it(
    'has larger volumes without a restart',
    async () => {
      const before = uids();
      apply([cluster({ storage: { ...BASE.storage, size: '2Gi' } })]);
      const sizes = (): boolean =>
        objectsOf(NAMESPACE, 'pvc').every(
          ({ status }) => (status?.['capacity'] as { storage: string }).storage === '2Gi',
        );
      await until(() => sizes() && isSettled(), CHANGE_MS);
      expect(uids()).toEqual(before);
      const refused = apply([cluster({ storage: { ...BASE.storage, size: '1Gi' } })]);
      expect(refused.output).toMatch(/storage.*shrink|cannot shrink/s);
    },
    2 * CHANGE_MS,
  );

  it(
    'settles two hundred topics that come together, and reports conflicting ones',
    async () => {
      const names = Array.from({ length: TOPICS }, (_, index) => `many-${index}`);
      apply(names.map((name) => topic(name, { queuesPerGroup: 1 })));
      const isDone = (): boolean =>
        objectsOf(NAMESPACE, 'topics').filter(({ status }) =>
          status?.conditions?.some(
            ({ type, status: value }) => type === 'Ready' && value === 'True',
          ),
        ).length > TOPICS;
      await until(isDone, TOPICS_MS);
      apply([topic('rival', { name: 'orders' })]);
      await untilCondition([NAMESPACE, 'topic', 'rival'], 'Conflict', /^True/, READY_MS);
    },
    TOPICS_MS + 2 * READY_MS,
  );

  it(
    'leaves nothing hanging when it is deleted before its topics',
    async () => {
      apply([topic('bound', { deletionPolicy: 'Delete' })]);
      await untilCondition([NAMESPACE, 'topic', 'bound'], 'Ready', /^True/, READY_MS);
      kubectl('delete', 'bcl', '-n', NAMESPACE, 'c', '--wait=false');
      kubectl('delete', 'otopic', '-n', NAMESPACE, '--all', '--wait=false');
      await until(() => objectsOf(NAMESPACE, 'topics').length === 0, READY_MS);
      kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
      const isGone = (): boolean => !tryKubectl(['get', 'namespace', NAMESPACE]).isGood;
      await until(isGone, CHANGE_MS);
    },
    2 * CHANGE_MS,
  );
});
