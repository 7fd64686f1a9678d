import { describe, expect, it } from '@jest/globals';
import { RunAnnouncement } from '../../../../broker/member/run-announcement.ts';
import type { Disk, DiskFile } from '../../../../common/environment/disk.ts';

/** One file that cannot be replaced, as a termination message is. */
function mountedFile(content: string): { disk: Pick<Disk, 'open'>; text: () => string } {
  let bytes = Buffer.from(content);
  const file = {
    truncate: async (length: number) => void (bytes = bytes.subarray(0, length)),
    write: async (position: number, buffers: readonly Uint8Array[]) =>
      void (bytes = Buffer.concat([bytes.subarray(0, position), ...buffers])),
    sync: async () => undefined,
    close: async () => undefined,
  } as unknown as DiskFile;
  return { disk: { open: async () => file }, text: () => bytes.toString() };
}

describe('RunAnnouncement', () => {
  it('replaces what an earlier run has left', async () => {
    const { disk, text } = mountedFile('an earlier run, with more to say\n');
    await new RunAnnouncement(disk, '/dev/termination-log', 'run-2').start();
    expect(text()).toBe('run-2\n');
  });

  it('writes nothing where nobody asks for it', async () => {
    const { disk, text } = mountedFile('');
    await new RunAnnouncement(disk, undefined, 'run-2').start();
    expect(text()).toBe('');
  });
});
