import { duration, optionalPath, path, type Role } from './option-definition.ts';

const SECOND_MS = 1_000;
const CONTROLLER: readonly Role[] = ['controller'];

/** What a failover controller looks after, and where it keeps what it decides. */
export const FAILOVER_OPTIONS = {
  clusterSpec: optionalPath({
    section: 'failover',
    summary:
      'YAML file with the NameServers and the broker groups with their members; read again when it changes.',
    change: 'For every controller: it does nothing without one.',
    roles: CONTROLLER,
  }),
  controllerStateDirectory: path({
    section: 'failover',
    summary:
      'Directory with one small file for each broker group: who is its master, and who may become it.',
    change:
      'To where it is safe: several controllers may share it on one machine. It must not be lost or copied back.',
    default: './data/controller',
    roles: CONTROLLER,
  }),
  controllerIntervalMs: duration({
    section: 'failover',
    summary: 'How often NameServers are asked what they have heard.',
    change: 'About half the heartbeat interval; longer with very many groups.',
    default: '500ms',
    min: 20,
    max: 60 * SECOND_MS,
    roles: [...CONTROLLER, 'operator'],
  }),
};
