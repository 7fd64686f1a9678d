import type { DiskFile } from '../../../common/environment/disk.ts';
import { decodePageHeader, pageBytes, type PageHeader } from './core/index-page.ts';
import { indexDamage, type IndexDamage } from './index-damage.ts';

/** Bytes read at once; a page (at most 32 KiB) always fits. */
const WINDOW_BYTES = 2 ** 20;

/** What is found at one read: whole pages only. */
export interface PageWindow {
  /** Position of the first byte in the file. */
  position: number;
  bytes: Buffer;
  pages: { header: PageHeader; position: number }[];
}

/** Reads and checks the pages in [from, to) of a segment, window by window; ends with damage when one is not intact. */
export async function* scanPages(
  file: DiskFile,
  from: number,
  to: number,
): AsyncGenerator<PageWindow, IndexDamage | undefined> {
  for (let position = from; position < to;) {
    const buffer = await file.read(position, Math.min(WINDOW_BYTES, to - position));
    const pages: PageWindow['pages'] = [];
    let at = 0;
    while (at < buffer.length) {
      const header = decodePageHeader(buffer, at);
      if (header === undefined) break;
      pages.push({ header, position: position + at });
      at += pageBytes(header.count);
    }
    if (at === 0) return indexDamage(`no intact page at ${position}`, file.path);
    yield { position, bytes: buffer.subarray(0, at), pages };
    position += at;
  }
  return undefined;
}
