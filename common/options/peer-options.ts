import { ALL_ROLES, oneOf, optionalPath } from './option-definition.ts';

/** Trust between the nodes of a cluster; what clients see is another matter (section tls). */
export const PEER_OPTIONS = {
  peerSecretFile: optionalPath({
    section: 'peers',
    summary:
      'File with the secret by which the nodes of a cluster know each other: a line of 16 bytes or more; further lines are accepted too.',
    change:
      'In every cluster whose ports others can reach: without it nodes take orders and acknowledgements from anybody.',
    roles: ALL_ROLES,
  }),
  peerTls: oneOf({
    section: 'peers',
    summary:
      'Whether nodes speak TLS to each other, and refuse node-to-node calls that come without it.',
    change: 'tls on a network that others can listen to.',
    default: 'off',
    choices: ['off', 'tls'],
    scope: 'cluster',
    roles: ALL_ROLES,
  }),
  peerCaFile: optionalPath({
    section: 'peers',
    summary: 'PEM file with the authorities that may have signed the certificates of other nodes.',
    change: 'Together with peer-tls; what it verifies is the tls-cert-file of the other node.',
    roles: ALL_ROLES,
  }),
};
