import type { ErrorDefinition } from './error-definition.ts';

/** Errors of the failover controller and of what an administrator asks of it. */
export const FAILOVER_ERRORS = {
  'broker-group-unknown': {
    message: 'broker group {group} is not in the cluster spec',
    protocol: 'NOT_FOUND',
    grpc: 'NOT_FOUND',
    retry: 'never',
    hint: 'orbitmq cluster status lists the groups.',
  },
  'failover-refused': {
    message: 'broker group {group}: {reason}',
    protocol: 'PRECONDITION_FAILED',
    grpc: 'FAILED_PRECONDITION',
    retry: 'never',
    hint: 'orbitmq cluster explain {group} tells what would help.',
  },
  'failover-unfinished': {
    message: 'broker group {group}: {reason}; it goes on',
    protocol: 'INTERNAL_SERVER_ERROR',
    grpc: 'DEADLINE_EXCEEDED',
    retry: 'never',
    hint: 'orbitmq cluster status {group} shows how far it is.',
  },
  'failover-store-unavailable': {
    message: 'the record of broker group {group} cannot be {action}: {reason}',
    protocol: 'INTERNAL_SERVER_ERROR',
    grpc: 'UNAVAILABLE',
    retry: 'same-broker',
    hint: 'Its master goes on, and nobody else is elected meanwhile. Look at what keeps the record: the API server on Kubernetes, the disk of the controller elsewhere.',
  },
  'group-record-damaged': {
    message: '{file} is damaged: {reason}',
    protocol: 'INTERNAL_SERVER_ERROR',
    grpc: 'DATA_LOSS',
    retry: 'never',
    hint: 'The group keeps its master, and nobody else is elected. Remove the file when all members of the group run: they elect the most advanced one.',
    exit: 'store-corrupt',
  },
  'cluster-spec-unusable': {
    message: 'cluster spec {file}: {reason}',
    protocol: 'INTERNAL_SERVER_ERROR',
    grpc: 'INVALID_ARGUMENT',
    retry: 'never',
    hint: 'docs/internals/failover.md shows its form.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorDefinition>;
