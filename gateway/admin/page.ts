import { MqError } from '../../common/errors/mq-error.ts';

const PAGE_SIZE_MAX = 1_000;

interface PageRequest {
  namePrefix?: string | null;
  pageSize?: number | null;
  pageToken?: string | null;
}

/** One page of names in their order; the token is the last name of the page before. */
export function pageOf(
  names: Iterable<string>,
  request: PageRequest,
): { page: string[]; nextPageToken: string } {
  const size = request.pageSize ?? 0;
  if (size < 0 || size > PAGE_SIZE_MAX) {
    throw new MqError('field-illegal', {
      field: 'page_size',
      reason: `${size} is not between 0 and ${PAGE_SIZE_MAX}`,
    });
  }
  const limit = size === 0 ? PAGE_SIZE_MAX : size;
  const prefix = request.namePrefix ?? '';
  const after = request.pageToken ?? '';
  const matching = [...names].filter((name) => name.startsWith(prefix) && name > after).sort();
  const page = matching.slice(0, limit);
  return { page, nextPageToken: matching.length > limit ? (page.at(-1) ?? '') : '' };
}
