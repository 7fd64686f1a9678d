import {
  boolean,
  duration,
  optionalPath,
  optionalText,
  text,
  type Role,
} from './option-definition.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const OPERATOR: readonly Role[] = ['operator'];

const OBJECT_NAME = {
  max: 253,
  pattern: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
  patternText:
    'lower-case letters, digits, "-" and ".", starting and ending with a letter or digit',
};

/** What an operator looks after in Kubernetes, and how. */
export const OPERATOR_OPTIONS = {
  kubeConfig: optionalPath({
    section: 'operator',
    summary:
      'Kubeconfig file; without it what the pod was given, or what kubectl would use on this machine.',
    change: 'To run an operator outside Kubernetes.',
    roles: OPERATOR,
  }),
  watchNamespaces: {
    ...text({
      section: 'operator',
      summary: 'Namespaces that are looked after, with commas in between; empty: all.',
      change: 'When the operator may see only some of them.',
      default: '',
      max: 4_096,
      roles: OPERATOR,
      pattern: /^[-a-z0-9., ]*$/,
      patternText: 'names of namespaces with commas in between',
    }),
    min: 0,
  },
  operatorNamespace: text({
    section: 'operator',
    summary:
      'Namespace of the operator itself: its lease is there, and clusters let it in from there.',
    change: 'Set by the chart.',
    default: 'default',
    roles: OPERATOR,
    ...OBJECT_NAME,
  }),
  operatorImage: optionalText({
    section: 'operator',
    summary: 'Image of the nodes of clusters that name none.',
    change: 'Set by the chart to the image of the operator.',
    roles: OPERATOR,
    max: 512,
    pattern: /^\S+$/,
    patternText: 'anything but spaces',
  }),
  leaseName: text({
    section: 'operator',
    summary: 'Lease by which one of several operators leads; the others wait.',
    change: 'When two installations share a namespace.',
    default: 'orbitmq-operator',
    roles: OPERATOR,
    ...OBJECT_NAME,
  }),
  driftIntervalMs: duration({
    section: 'operator',
    summary: 'How often topics and consumer groups are compared with what the brokers have.',
    change: 'Longer with very many of them; nobody tells the operator of changes made elsewhere.',
    default: '30s',
    min: SECOND_MS,
    max: 24 * HOUR_MS,
    roles: OPERATOR,
  }),
  drainTimeoutMs: duration({
    section: 'operator',
    summary: 'How long consumers may take to empty a broker group that is to be removed.',
    change:
      'To the longest time that a consumer may be away; then the group goes, whatever is left.',
    default: '24h',
    min: SECOND_MS,
    max: 90 * 24 * HOUR_MS,
    roles: OPERATOR,
  }),
  podComeBackMs: duration({
    section: 'operator',
    summary:
      'How long a pod that was replaced may take to be back in sync before a warning says so.',
    change:
      'Longer for large volumes on slow disks; nothing else is replaced meanwhile in any case.',
    default: '10m',
    min: 10 * SECOND_MS,
    max: 24 * HOUR_MS,
    roles: OPERATOR,
  }),
  endHungMasters: boolean({
    section: 'operator',
    summary:
      'Whether the pod of a master that hangs is deleted once another one serves, so that its clients look for that one.',
    change: 'Off to look into a process that hangs; its clients then wait until they give up.',
    default: 'true',
    roles: OPERATOR,
  }),
};
