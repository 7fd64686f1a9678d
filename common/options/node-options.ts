import { FAILOVER_OPTIONS } from './failover-options.ts';
import { MESSAGE_OPTIONS } from './message-options.ts';
import type { OptionTable, OptionValues } from './option-definition.ts';
import { OPERATOR_OPTIONS } from './operator-options.ts';
import { PEER_OPTIONS } from './peer-options.ts';
import { REPLICATION_OPTIONS } from './replication-options.ts';
import { SERVER_OPTIONS } from './server-options.ts';
import { STORE_OPTIONS } from './store-options.ts';

/**
 * Every option of a node, by its key: the name that the code uses, with the unit at the end. Flag, environment variable and
 * YAML key follow from it (option-names.ts).
 */
export const NODE_OPTIONS = {
  ...SERVER_OPTIONS,
  ...REPLICATION_OPTIONS,
  ...FAILOVER_OPTIONS,
  ...OPERATOR_OPTIONS,
  ...PEER_OPTIONS,
  ...STORE_OPTIONS,
  ...MESSAGE_OPTIONS,
} satisfies OptionTable;

/** All options, parsed, complete and frozen. Those that a role does not have hold their default and are not read. */
export type NodeOptions = OptionValues<typeof NODE_OPTIONS>;
