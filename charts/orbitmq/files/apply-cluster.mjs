// Applies /manifest/cluster.json by server-side apply; run by the Job of templates/cluster.yaml with nothing but Node.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The definitions are new and not served yet, or the API server is busy: worth another try. */
const LATER = new Set([404, 429, 500, 502, 503, 504]);
const ATTEMPTS = 60;
const PAUSE_MS = 2_000;
const TIMEOUT_MS = 15_000;

const body = readFileSync(new URL('cluster.json', import.meta.url), 'utf8');
const { apiVersion, kind, metadata } = JSON.parse(body);
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
const path = `/apis/${apiVersion}/namespaces/${metadata.namespace}/brokerclusters/${metadata.name}`;
// What the values say wins over what somebody changed by hand; fields that they do not name stay as they are.
const url = `https://${authority}${path}?fieldManager=helm&force=true&fieldValidation=Strict`;

async function apply() {
  const response = await fetch(url, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8').trim()}`,
      'content-type': 'application/apply-patch+yaml',
    },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: response.status, text: await response.text() };
}

for (let attempt = 1; ; attempt++) {
  const { status, text } = await apply().catch((error) => ({ status: 503, text: String(error.cause ?? error) }));
  if (status < 300) {
    console.log(`${kind} ${metadata.namespace}/${metadata.name} applied`);
    break;
  }
  console.error(`attempt ${attempt}: ${status} ${text}`);
  if (!LATER.has(status) || attempt === ATTEMPTS) process.exit(1);
  await pause(PAUSE_MS);
}
