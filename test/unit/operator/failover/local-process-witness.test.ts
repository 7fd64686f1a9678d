import { describe, expect, it } from '@jest/globals';
import { diskError } from '../../../../common/environment/disk-error.ts';
import { LocalProcessWitness } from '../../../../operator/failover/local-process-witness.ts';

/** A process table and a directory of process files. */
class Machine {
  readonly files = new Map<string, string>([['/proc/self/stat', 'there']]);

  readFile(path: string): Promise<Buffer> {
    const text = this.files.get(path);
    if (text === undefined)
      return Promise.reject(diskError('ENOENT', 'open', path, 'no such file'));
    return Promise.resolve(Buffer.from(text));
  }

  start(member: string, pid: number, startTime: string, runId: string): void {
    this.files.set(`/run/${member}.json`, JSON.stringify({ pid, startTime, runId }));
    this.process(pid, startTime, 'S');
  }

  process(pid: number, startTime: string, state: string): void {
    const zeros = Array.from({ length: 18 }, () => '0').join(' ');
    this.files.set(`/proc/${pid}/stat`, `${pid} (node (x) y) ${state} ${zeros} ${startTime} 0 0`);
  }

  end(pid: number): void {
    this.files.delete(`/proc/${pid}/stat`);
  }
}

function witnessOf(machine: Machine): () => Promise<readonly string[]> {
  const witness = new LocalProcessWitness(machine, '/run');
  return () => witness.endedRuns('broker-a', 'a-0');
}

describe('witness of processes on this machine', () => {
  it('says nothing of a run that lives, and that it is over when the process is gone', async () => {
    const machine = new Machine();
    const ended = witnessOf(machine);
    expect(await ended()).toEqual([]);
    machine.start('a-0', 7, '100', 'run-1');
    expect(await ended()).toEqual([]);
    machine.end(7);
    expect(await ended()).toEqual(['run-1']);
  });

  it('does not take another process with the same id for the run', async () => {
    const machine = new Machine();
    const ended = witnessOf(machine);
    machine.start('a-0', 7, '100', 'run-1');
    await ended();
    machine.process(7, '250', 'S');
    expect(await ended()).toEqual(['run-1']);
  });

  it('takes a zombie for ended', async () => {
    const machine = new Machine();
    const ended = witnessOf(machine);
    machine.start('a-0', 7, '100', 'run-1');
    machine.process(7, '100', 'Z');
    expect(await ended()).toEqual(['run-1']);
  });

  it('proves the end of one run only: the next one of the member lives', async () => {
    const machine = new Machine();
    const ended = witnessOf(machine);
    machine.start('a-0', 7, '100', 'run-1');
    await ended();
    machine.end(7);
    machine.start('a-0', 8, '300', 'run-2');
    expect(await ended()).toEqual(['run-1']);
  });

  it.each([
    ['a file without a run', '{"pid":7,"startTime":"100","runId":""}'],
    ['half a file', '{"pid":7,"sta'],
    ['no object', 'null'],
  ])('concludes nothing from %s', async (_, text) => {
    const machine = new Machine();
    machine.files.set('/run/a-0.json', text);
    expect(await witnessOf(machine)()).toEqual([]);
  });

  it('says nothing where there is no /proc', async () => {
    const machine = new Machine();
    machine.start('a-0', 7, '100', 'run-1');
    machine.files.delete('/proc/self/stat');
    machine.end(7);
    expect(await witnessOf(machine)()).toEqual([]);
  });

  it('rejects when it cannot look: that is no proof of an end', async () => {
    const machine = new Machine();
    const ended = witnessOf(machine);
    machine.start('a-0', 7, '100', 'run-1');
    await ended();
    machine.readFile = (path) => Promise.reject(diskError('EMFILE', 'open', path, 'too many'));
    await expect(ended()).rejects.toMatchObject({ code: 'EMFILE' });
  });
});
