import { spawnSync } from 'node:child_process';
import process from 'node:process';

/**
 * A network of namespaces on this machine: each node of a cluster has an address of its own and can be cut off from some of
 * the others. Needs root, `ip` and `iptables`.
 */
export class ClusterNetwork {
  readonly #id: string;
  readonly #subnet: string;
  readonly #hosts = new Map<string, string>();
  readonly #onExit = (): void => this.dispose();

  constructor() {
    const number = process.pid % 10_000;
    // What the last network of this process was made of may still be on its way out.
    this.#id = `omq${number}n${networkCount++}`;
    // From the range that the standard keeps for benchmarks, so that no real network is hidden.
    this.#subnet = `198.${18 + (Math.floor(number / 256) % 2)}.${number % 256}`;
    ip('link', 'add', this.#bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.gateway}/24`, 'dev', this.#bridge);
    ip('link', 'set', this.#bridge, 'up');
    process.once('exit', this.#onExit);
  }

  /** Why namespaces cannot be had here; undefined when they can. */
  static reasonToSkip(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    const name = `omqtry${process.pid % 10_000}`;
    const tried = [
      ['ip', 'netns', 'add', name],
      ['ip', 'netns', 'exec', name, 'iptables', '-L', '-n'],
    ].find(([program = '', ...words]) => spawnSync(program, words).status !== 0);
    spawnSync('ip', ['netns', 'del', name]);
    return tried === undefined ? undefined : `"${tried.join(' ')}" fails here`;
  }

  /** Address of this process, and of everything that is in no namespace. */
  get gateway(): string {
    return `${this.#subnet}.1`;
  }

  /** Address of a node; its namespace is made when it is first asked for. */
  hostOf(node: string): string {
    const known = this.#hosts.get(node);
    if (known !== undefined) return known;
    const index = this.#hosts.size;
    const host = `${this.#subnet}.${10 + index}`;
    this.#hosts.set(node, host);
    const space = this.#spaceOf(node);
    const outside = `${this.#id}v${index}`;
    ip('netns', 'add', space);
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('link', 'set', outside, 'master', this.#bridge, 'up');
    ip('-n', space, 'addr', 'add', `${host}/24`, 'dev', 'eth0');
    ip('-n', space, 'link', 'set', 'eth0', 'up');
    ip('-n', space, 'link', 'set', 'lo', 'up');
    return host;
  }

  /** Words before a program that make it run where the node runs. */
  prefixOf(node: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#spaceOf(node)];
  }

  /** From now on nothing passes between the node and these others; `''` stands for everything outside. */
  cut(node: string, others: readonly string[]): void {
    const hosts = others.map((other) =>
      other === '' ? this.gateway : (this.#hosts.get(other) ?? ''),
    );
    const rules = hosts.flatMap((host) => [
      `-A INPUT -s ${host} -j DROP`,
      `-A OUTPUT -d ${host} -j DROP`,
    ]);
    // All at the same moment: on a busy machine seconds could pass between the first and the last of several commands.
    const table = ['*filter', ...rules, 'COMMIT', ''].join('\n');
    run([...this.prefixOf(node), 'iptables-restore', '-w', '--noflush'], table);
  }

  cutFromAll(node: string): void {
    this.cut(node, ['', ...[...this.#hosts.keys()].filter((other) => other !== node)]);
  }

  heal(node: string): void {
    run([...this.prefixOf(node), 'iptables', '-w', '-F']);
  }

  /** Also when the process ends before that: nothing of it goes by itself. */
  dispose(): void {
    process.off('exit', this.#onExit);
    // The pairs of interfaces go with their namespaces.
    for (const node of this.#hosts.keys()) spawnSync('ip', ['netns', 'del', this.#spaceOf(node)]);
    spawnSync('ip', ['link', 'del', this.#bridge]);
  }

  get #bridge(): string {
    return `${this.#id}b`;
  }

  #spaceOf(node: string): string {
    return `${this.#id}-${node}`;
  }
}

let networkCount = 0;

function ip(...words: readonly string[]): void {
  run(['ip', ...words]);
}

function run([program = '', ...words]: readonly string[], input = ''): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: 'utf8', input });
  if (status === 0) return;
  throw new Error(`${program} ${words.join(' ')}: ${error?.message ?? stderr}`);
}
