import { counter, gauge, histogram } from './metric-definition.ts';

/** Metrics of the operator's runtime: its calls to the API server, its caches, its queues and its lease. */
export const KUBE_METRICS = {
  kubeCalls: counter('orbitmq_kube_calls_total', {
    labels: ['verb', 'resource', 'code'],
    help: 'Calls to the Kubernetes API; code is the HTTP status, or none without an answer',
    unit: 'calls',
  }),
  kubeCallDuration: histogram('orbitmq_kube_call_duration_seconds', {
    labels: ['verb', 'resource'],
    help: 'Time until the head of the answer',
    unit: 'seconds',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
  kubeLists: counter('orbitmq_kube_lists_total', {
    labels: ['resource'],
    help: 'Lists that filled a cache anew; more than one for each start is a version that was forgotten',
    unit: 'lists',
  }),
  kubeWatches: counter('orbitmq_kube_watches_total', {
    labels: ['resource', 'end'],
    help: 'Watches that have ended, by how: server, or the kind of failure',
    unit: 'watches',
  }),
  kubeWatchEvents: counter('orbitmq_kube_watch_events_total', {
    labels: ['resource', 'type'],
    help: 'Events of watches',
    unit: 'events',
  }),
  kubeLastEventAge: gauge('orbitmq_kube_last_event_age_seconds', {
    labels: ['resource', 'namespace'],
    help: 'Time since a watch or list last brought something, a bookmark at least: how old a cache may be',
    unit: 'seconds',
    overflow: 'max',
  }),
  kubeObjects: gauge('orbitmq_kube_objects', {
    labels: ['resource', 'namespace'],
    help: 'Objects in the cache; an empty namespace stands for all of them',
    unit: 'objects',
  }),
  kubeRecordedEvents: counter('orbitmq_kube_recorded_events_total', {
    labels: ['result'],
    help: 'Events for people: written, failed, or dropped because there were too many',
    unit: 'events',
  }),
  kubeApplied: counter('orbitmq_kube_applied_total', {
    labels: ['resource', 'cause'],
    help: 'Children written, by cause: missing, changed (by us), drifted (by others), unwanted (deleted)',
    unit: 'objects',
  }),

  reconcileQueueDepth: gauge('orbitmq_reconcile_queue_depth', {
    labels: ['controller'],
    help: 'Objects that wait for their turn',
    unit: 'objects',
  }),
  reconcileQueueLatency: histogram('orbitmq_reconcile_queue_latency_seconds', {
    labels: ['controller'],
    help: 'Time from the first reason to look at an object until its turn',
    unit: 'seconds',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
  }),
  reconcileRetries: counter('orbitmq_reconcile_retries_total', {
    labels: ['controller'],
    help: 'Turns that failed and will be tried again',
    unit: 'turns',
  }),
  reconciles: counter('orbitmq_reconciles_total', {
    labels: ['controller', 'result'],
    help: 'Turns, by result: success, requeued, failed, terminal (not tried again until something changes), aborted',
    unit: 'turns',
  }),
  reconcileDuration: histogram('orbitmq_reconcile_duration_seconds', {
    labels: ['controller'],
    help: 'Time of a turn',
    unit: 'seconds',
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
  }),
  reconcileInProgressSince: gauge('orbitmq_reconcile_in_progress_since_seconds', {
    labels: ['controller'],
    help: 'Unix time when the longest turn that is not over began; 0 without one',
    unit: 'seconds',
    overflow: 'max',
  }),
  reconcileLastSuccess: gauge('orbitmq_reconcile_last_success_seconds', {
    labels: ['controller'],
    help: 'Unix time of the last turn without error; 0 before the first',
    unit: 'seconds',
    overflow: 'max',
  }),

  leader: gauge('orbitmq_leader', {
    labels: ['lease'],
    help: '1 while this process holds the lease',
    unit: 'boolean',
  }),
  leaseRenewals: counter('orbitmq_lease_renewals_total', {
    labels: ['lease', 'result'],
    help: 'Tries to get or renew the lease: held, taken (by another), failed',
    unit: 'tries',
  }),
};
