import { readFileSync } from 'node:fs';
import { NodeClock } from '../../common/environment/node/node-clock.ts';
import { NodeRandom } from '../../common/environment/node/node-random.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import { PeerSigner } from '../../common/rpc/peer-signature.ts';

/** Metadata that shows that a call comes from somebody who knows the secret of the cluster. */
export type SignCall = (path: string) => Readonly<Record<string, string>>;

/** What nodes ask of nodes has to be signed where the cluster has a secret; its first line is it. */
export function signAsPeer(secretFile: string): SignCall {
  const secret = Buffer.from(readSecret(secretFile).split(/\r?\n/)[0]?.trim() ?? '', 'latin1');
  const signer = new PeerSigner('orbitmq command', secret, new NodeClock(), new NodeRandom());
  return (path) => signer.sign(path);
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    const what = `--peer-secret-file ${file}`;
    throw new MqError('input-unreadable', { what, reason: systemReason(error) });
  }
}
