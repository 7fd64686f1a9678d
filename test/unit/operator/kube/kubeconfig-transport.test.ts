import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { loadKubeConfig } from '../../../../operator/kube/kubeconfig-transport.ts';

const cluster = (server: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'a',
  clusters: [{ name: 'a', cluster: { server } }],
  users: [{ name: 'a', user: { token: 't' } }],
  contexts: ['a', 'b'].map((name) => ({ name, context: { cluster: name, user: 'a' } })),
});

describe('a kubeconfig', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orbitmq-kubeconfig-'));
    file = join(directory, 'config');
    writeFileSync(file, JSON.stringify(cluster('https://127.0.0.1:6443')));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  function problem(path: string, context?: string): string {
    try {
      loadKubeConfig(path, context);
      return '';
    } catch (error) {
      return isMqError(error) ? `${error.code}: ${error.message}` : 'another error';
    }
  }

  it('is used with its own context, or with another one', () => {
    expect(loadKubeConfig(file).getCurrentContext()).toBe('a');
    expect(loadKubeConfig(file, 'a').getCurrentCluster()?.server).toBe('https://127.0.0.1:6443');
  });

  it('that does not exist is named in one line', () => {
    const path = join(directory, 'none');
    expect(problem(path)).toBe(
      `kubeconfig-unusable: the kubeconfig ${path} cannot be used: it does not exist`,
    );
  });

  it('without the context tells which ones it has', () => {
    expect(problem(file, 'x')).toMatch(/no "x": it has the contexts a, b$/);
  });

  it('whose context leads to no cluster is refused before anything is asked', () => {
    expect(problem(file, 'b')).toMatch(/its context b leads to no cluster$/);
    writeFileSync(file, JSON.stringify(cluster('nowhere')));
    expect(problem(file)).toMatch(/its context a leads to no cluster$/);
  });

  it('that is none is refused', () => {
    writeFileSync(file, '{}');
    expect(problem(file)).toMatch(/^kubeconfig-unusable: /);
    writeFileSync(file, '\tnot: [yaml');
    expect(problem(file)).toMatch(/^kubeconfig-unusable: /);
  });
});
