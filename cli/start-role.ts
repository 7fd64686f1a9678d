import { readFileSync } from 'node:fs';
import process from 'node:process';
import { nodeEnvironment } from '../common/environment/node/node-environment.ts';
import { NodeProcess } from '../common/environment/node/node-process.ts';
import { MqError } from '../common/errors/mq-error.ts';
import { systemReason } from '../common/errors/system-error.ts';
import { fatalText, type FatalReport } from '../common/lifecycle/fatal.ts';
import { Lifecycle } from '../common/lifecycle/lifecycle.ts';
import type { RunRole } from '../common/lifecycle/role-context.ts';
import { Supervisor } from '../common/lifecycle/supervisor.ts';
import { formatJson } from '../common/log/format-line.ts';
import type { Logger } from '../common/log/logger.ts';
import { createLogger } from '../common/log/winston-logger.ts';
import type { NodeLabels } from '../common/metrics/metric-definition.ts';
import { Metrics } from '../common/metrics/metrics.ts';
import { processMetrics } from '../common/metrics/process-metrics.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { Role } from '../common/options/option-definition.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { openPeerNetwork } from '../common/rpc/peer-network.ts';
import { resolveOptions } from '../common/options/resolve-options.ts';
import type { CliContext } from './cli-context.ts';
import { endWithSupervisor } from './end-with-supervisor.ts';
import type { Terminal } from './terminal.ts';

export interface RoleStart {
  readonly role: Role;
  /** By option key, as the user wrote them. */
  readonly flags: ReadonlyMap<string, string>;
  readonly configFile: string | undefined;
}

/** Each role is loaded only when it is started. */
const ROLES: Readonly<Record<Role, () => Promise<{ run: RunRole }>>> = {
  standalone: () => import('../standalone/main.ts'),
  broker: () => import('../broker/main.ts'),
  namesrv: () => import('../namesrv/main.ts'),
  controller: () => import('../operator/main.ts'),
  operator: async () => ({ run: (await import('../operator/main.ts')).runOperator }),
};

/** Options, log, metrics, life cycle; then the role itself. Resolves when the node serves; signals end it later. */
export async function startRole(
  { terminal, version }: CliContext,
  start: RoleStart,
): Promise<void> {
  const { role, flags } = start;
  const configFile = start.configFile ?? terminal.env['ORBITMQ_CONFIG'];
  const file =
    configFile === undefined || configFile === '' ? {} : { file: readConfig(configFile) };
  const { options, warnings } = resolveOptions({ role, flags, env: terminal.env, ...file });
  const environment = nodeEnvironment();
  const isText =
    options.logFormat === 'text' || (options.logFormat === 'auto' && terminal.isErrorTty);
  const logger = createLogger({
    level: options.logLevel,
    format: isText ? 'text' : 'json',
    isColored: terminal.isErrorTty && terminal.env['NO_COLOR'] === undefined,
    stream: process.stderr,
    nowMs: () => environment.clock.nowMs(),
  });
  for (const warning of warnings) logger.warn(warning);
  const lifecycle = new Lifecycle({ ...environment, logger, graceMs: options.shutdownGraceMs });
  const format = isText ? fatalText : fatalJson(() => environment.clock.nowMs());
  const supervisor = new Supervisor(new NodeProcess(), environment.clock, logger, format);
  supervisor.watch(lifecycle);
  endWithSupervisor(terminal);
  try {
    const { run } = await ROLES[role]();
    const metrics = createMetrics(role, options, version);
    const print = printer(terminal, logger);
    const onFatal = (error: unknown): void => supervisor.fatal(error);
    const peers = await openPeerNetwork({
      ...{ options, environment, logger: logger.child('peers') },
      nodeName: nodeName(role, options),
      hasPeers: role !== 'standalone' && role !== 'operator',
    });
    const node = { options, environment, logger, metrics, peers, lifecycle };
    await run({ ...node, version, onFatal, print });
  } catch (error) {
    supervisor.fatal(error);
  }
}

/** For the logs of other nodes. */
function nodeName(role: Role, options: NodeOptions): string {
  const { brokerName, memberName, advertise, listen } = options;
  if (role === 'broker') return memberName ?? brokerName;
  return `${role} ${formatAddress(advertise ?? listen)}`;
}

function createMetrics(role: Role, options: NodeOptions, version: string): Metrics {
  const node: NodeLabels = {
    cluster: options.clusterName,
    node_type: role,
    node_id:
      role === 'namesrv' || role === 'controller'
        ? formatAddress(options.advertise ?? options.listen)
        : role === 'operator'
          ? options.leaseName
          : options.brokerName,
  };
  const metrics = new Metrics(node, options.metricsMaxSeries);
  metrics.collect('buildInfo', () => [[{ version, node_version: process.versions.node }, 1]]);
  metrics.addSource(processMetrics(node));
  return metrics;
}

function readConfig(path: string): { path: string; content: string } {
  try {
    return { path, content: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new MqError('config-file-unusable', { file: path, reason: systemReason(error) });
  }
}

/** On a terminal the text is for a person; elsewhere each of its lines is a line of the log. */
function printer(terminal: Terminal, logger: Logger): (text: string) => void {
  if (terminal.isOutputTty) return (text) => terminal.out(`${text}\n`);
  return (text) => {
    const lines = text.split('\n').map((line) => line.trim());
    for (const line of lines.filter((candidate) => candidate !== '')) logger.info(line);
  };
}

/** The last line of a log that is JSON. */
function fatalJson(nowMs: () => number): (report: FatalReport) => string {
  return ({ message, hint, stack, code, exitCode }) => {
    const fields = { code, hint, exitCode, stack };
    return `${formatJson({ timeMs: nowMs(), level: 'error', component: '', message, fields })}\n`;
  };
}
