import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import { formatAddress, parseAddress } from '../../common/options/parse-value.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { SignCall } from './sign-as-peer.ts';

/** How to reach a server. */
export interface EndpointSettings {
  /** HOST:PORT */
  readonly endpoint: string;
  readonly tls: boolean;
  /** Accept any certificate. */
  readonly tlsInsecure: boolean;
  /** PEM file of the issuer that is trusted besides those of the system. */
  readonly tlsCa: string | undefined;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
  /** Signs calls to services that are for nodes of the cluster. */
  readonly sign?: SignCall;
}

/** The address in the form that gRPC wants. */
export function endpointTarget(settings: EndpointSettings): string {
  return formatAddress(endpointAddress(settings));
}

function endpointAddress({ endpoint }: EndpointSettings): Address {
  const parsed = parseAddress(endpoint);
  if (parsed.ok) return parsed.value as Address;
  const reason = `--endpoint: ${parsed.reason}`;
  throw new MqError('usage-invalid', { reason, help: 'orbitmq --help' });
}

/** TLS knows no server names that are addresses; this one is sent in their place. */
const NAME_FOR_ADDRESS = 'localhost';

export function endpointCredentials(settings: EndpointSettings): ChannelCredentials {
  const { tls, tlsInsecure, tlsCa } = settings;
  if (!tls && !tlsInsecure && tlsCa === undefined) return credentials.createInsecure();
  const ca = tlsCa === undefined ? null : readCa(tlsCa);
  if (tlsInsecure) {
    const anything = { rejectUnauthorized: false, checkServerIdentity: () => undefined };
    return credentials.createSsl(ca, null, null, anything);
  }
  const { host } = endpointAddress(settings);
  // The name that is sent must not be the one that is verified when it stands for an address.
  return credentials.createSsl(ca, null, null, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

/** Channel options that go with the credentials. */
export function endpointOptions(settings: EndpointSettings): ClientOptions {
  const isAddress = isIP(endpointAddress(settings).host) !== 0;
  return isAddress ? { 'grpc.ssl_target_name_override': NAME_FOR_ADDRESS } : {};
}

function readCa(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new MqError('input-unreadable', {
      what: `--tls-ca ${file}`,
      reason: systemReason(error),
    });
  }
}
