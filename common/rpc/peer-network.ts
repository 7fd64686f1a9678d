/** What a node needs to speak to the other nodes of its cluster: channels that are trusted and signed, and a guard for its own port. */
import type { Environment } from '../environment/environment.ts';
import { MqError } from '../errors/mq-error.ts';
import { systemReason } from '../errors/system-error.ts';
import type { Logger } from '../log/logger.ts';
import type { NodeOptions } from '../options/node-options.ts';
import type { Address } from '../options/option-definition.ts';
import { GrpcChannel, type ChannelTrust } from './grpc-channel.ts';
import { guarded, type PeerGuard } from './peer-guard.ts';
import { PEER_METADATA, PeerSigner, PeerVerifier } from './peer-signature.ts';
import { RateLimitedReport } from './rate-limited-report.ts';
import type { RpcChannel } from './rpc-channel.ts';
import type { ServiceTable } from './service-table.ts';
import { SignedChannel } from './signed-channel.ts';

export interface PeerNetwork {
  /**
   * A channel to another node; it connects when it is first used. `serverName`: the name in its certificate, where that is not
   * the host of the address.
   */
  connect(address: Address, inboundMessageBytesMax: number, serverName?: string): RpcChannel;
  /** The services of this node, with those for other nodes behind a check of who calls. */
  guard(table: ServiceTable): ServiceTable;
}

export interface PeerPorts {
  readonly options: Pick<NodeOptions, 'peerSecretFile' | 'peerTls' | 'peerCaFile' | 'listen'>;
  readonly environment: Environment;
  readonly logger: Logger;
  /** How this node is called in the logs of others. */
  readonly nodeName: string;
  /** Whether other nodes call this one: false for a standalone node. */
  readonly hasPeers: boolean;
}

const SECRET_BYTES_MIN = 16;
const REPORT_INTERVAL_MS = 10_000;
const LOOPBACK = /^(127\.|::1$|localhost$)/;

/** Reads the files that the options name; rejects with `peer-file-unusable`. */
export async function openPeerNetwork(ports: PeerPorts): Promise<PeerNetwork> {
  const { options, environment, logger, nodeName } = ports;
  const secrets = await readSecrets(options.peerSecretFile, environment);
  const trust = await readTrust(options, environment);
  warnWhenOpen(ports, secrets.length > 0);
  const guard = guardOf(ports, secrets);
  const connect = peerConnector({ environment, logger, nodeName, secret: secrets[0], trust });
  return { connect, guard: (table) => guarded(table, guard) };
}

export interface PeerConnectorPorts {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Undefined: calls are not signed. */
  readonly secret: Buffer | undefined;
  readonly trust: ChannelTrust;
}

/** Channels to nodes of a cluster whose secret and authorities are known. */
export function peerConnector({
  environment: { clock, random },
  ...ports
}: PeerConnectorPorts): PeerNetwork['connect'] {
  const { logger, nodeName, secret, trust } = ports;
  const signer = secret === undefined ? undefined : new PeerSigner(nodeName, secret, clock, random);
  const limit = new RateLimitedReport(clock, REPORT_INTERVAL_MS);
  const onRefused = (address: string, path: string, reason: string, suppressed: number): void => {
    logger.warn('another node refused us', { address, path, reason, ...counted(suppressed) });
  };
  return (address, inboundMessageBytesMax, serverName) => {
    const { host, port } = address;
    const channel = new GrpcChannel(
      { host, port, trust, inboundMessageBytesMax, serverName: serverName ?? host },
      clock,
    );
    if (signer === undefined) return channel;
    return new SignedChannel(channel, signer, { limit, onRefused });
  };
}

function guardOf(
  { options, environment: { clock }, logger }: PeerPorts,
  secrets: readonly Buffer[],
): PeerGuard {
  const limit = new RateLimitedReport(clock, REPORT_INTERVAL_MS);
  return {
    verifier: secrets.length === 0 ? undefined : new PeerVerifier(secrets, clock),
    requiresTls: options.peerTls === 'tls',
    onRefused: (call, reason) => {
      const suppressed = limit.admit();
      if (suppressed === undefined) return;
      const { peer, method } = call;
      const claimed = call.metadata(PEER_METADATA.name);
      const who = claimed === undefined ? {} : { claimedName: claimed.slice(0, 255) };
      const fields = { peer, method, reason, ...who, ...counted(suppressed) };
      logger.warn('a call that only a node of this cluster may make was refused', fields);
    },
  };
}

/** Lines of the file: the first signs, all are accepted, so that a new secret can be brought in node by node. */
async function readSecrets(
  file: string | undefined,
  { disk }: Pick<Environment, 'disk'>,
): Promise<readonly Buffer[]> {
  if (file === undefined) return [];
  const content = await readOrExplain(disk, file, 'secret');
  const lines = content.toString('latin1').split(/\r?\n/);
  const secrets = lines.map((line) => Buffer.from(line.trim(), 'latin1'));
  const used = secrets.filter((secret) => secret.length > 0);
  const short = used.find((secret) => secret.length < SECRET_BYTES_MIN);
  if (used.length === 0 || short !== undefined) {
    const reason = `it has a line of ${short?.length ?? 0} bytes, ${SECRET_BYTES_MIN} are the least`;
    throw new MqError('peer-file-unusable', { what: 'secret', file, reason });
  }
  return used;
}

async function readTrust(
  { peerTls, peerCaFile }: PeerPorts['options'],
  { disk }: Pick<Environment, 'disk'>,
): Promise<ChannelTrust> {
  if (peerTls === 'off' || peerCaFile === undefined) return { kind: 'plaintext' };
  const rootCertificatesPem = (await readOrExplain(disk, peerCaFile, 'CA file')).toString('utf8');
  if (rootCertificatesPem.includes('-----BEGIN CERTIFICATE-----')) {
    return { kind: 'tls', rootCertificatesPem };
  }
  const reason = 'it has no PEM certificate';
  throw new MqError('peer-file-unusable', { what: 'CA file', file: peerCaFile, reason });
}

async function readOrExplain(
  disk: Environment['disk'],
  file: string,
  what: string,
): Promise<Buffer> {
  try {
    return await disk.readFile(file);
  } catch (error) {
    throw new MqError('peer-file-unusable', { what, file, reason: systemReason(error) }, error);
  }
}

function warnWhenOpen({ options, logger, hasPeers }: PeerPorts, hasSecret: boolean): void {
  if (hasSecret || !hasPeers || LOOPBACK.test(options.listen.host)) return;
  logger.warn(
    'whoever reaches this port may act as a node of the cluster: give all nodes a peer-secret-file',
  );
}

function counted(suppressed: number): { readonly suppressed?: number } {
  return suppressed > 0 ? { suppressed } : {};
}
