/** `npm run build`: compiles to dist/ and puts the generated protobuf module, which is JavaScript already, beside it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { execPath, exit } from 'node:process';

const ROOT = resolve(import.meta.dirname, '..');
const COPIED = ['proto/generated/protocol.js'];

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (status !== 0) exit(status ?? 1);

for (const file of COPIED) {
  const target = join(ROOT, 'dist', file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(ROOT, file), target);
}
