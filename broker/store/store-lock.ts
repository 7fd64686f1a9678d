import type { Disk, DiskLock } from '../../common/environment/disk.ts';

const STORE_LOCK_NAME = 'lock';

/** One process at a time: the broker while it runs, `store repair` while it repairs. ELOCKED when it is taken. */
export async function lockStore(disk: Disk, directory: string): Promise<DiskLock> {
  await disk.makeDirectory(directory);
  return disk.lock(`${directory}/${STORE_LOCK_NAME}`);
}
