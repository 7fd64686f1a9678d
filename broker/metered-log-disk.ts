import type { Clock } from '../common/environment/clock.ts';
import type { Disk, DiskFile } from '../common/environment/disk.ts';
import type { Metrics } from '../common/metrics/metrics.ts';

/** The disk as the log sees it, with its writes and fdatasyncs counted; everything else goes straight through. */
export function meteredLogDisk(disk: Disk, clock: Clock, metrics: Metrics): Disk {
  const appendLatency = metrics.histogram('appendLatency').cell({});
  const flushLatency = metrics.histogram('flushLatency').cell({});
  const batchBytes = metrics.histogram('batchBytes').cell({});

  const timed = async (
    observe: (seconds: number) => void,
    operation: () => Promise<void>,
  ): Promise<void> => {
    const startMs = clock.monotonicMs();
    await operation();
    observe((clock.monotonicMs() - startMs) / 1_000);
  };
  const metered = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    read: (position, length) => file.read(position, length),
    write: (position, buffers) => {
      batchBytes.observe(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
      return timed(
        (seconds) => {
          appendLatency.observe(seconds);
        },
        () => file.write(position, buffers),
      );
    },
    sync: () =>
      timed(
        (seconds) => {
          flushLatency.observe(seconds);
        },
        () => file.sync(),
      ),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  });
  return {
    open: async (path, options) => metered(await disk.open(path, options)),
    readFile: (path) => disk.readFile(path),
    list: (directory) => disk.list(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    space: (directory) => disk.space(directory),
    lock: (path) => disk.lock(path),
  };
}
