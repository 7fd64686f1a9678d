import { readFileSync } from 'node:fs';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import { formatAddress, parseAddress } from '../../common/options/parse-value.ts';
import type { Address } from '../../common/options/option-definition.ts';

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
}

/** The address in the form that gRPC wants. */
export function endpointTarget({ endpoint }: EndpointSettings): string {
  const parsed = parseAddress(endpoint);
  if (!parsed.ok) {
    throw new MqError('usage-invalid', {
      reason: `--endpoint: ${parsed.reason}`,
      help: 'orbitmq --help',
    });
  }
  return formatAddress(parsed.value as Address);
}

export function endpointCredentials(settings: EndpointSettings): ChannelCredentials {
  const { tls, tlsInsecure, tlsCa } = settings;
  if (!tls && !tlsInsecure && tlsCa === undefined) return credentials.createInsecure();
  const ca = tlsCa === undefined ? null : readCa(tlsCa);
  const verify = tlsInsecure
    ? { rejectUnauthorized: false, checkServerIdentity: () => undefined }
    : {};
  return credentials.createSsl(ca, null, null, verify);
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
