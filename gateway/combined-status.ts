import { STATUS_MULTIPLE_RESULTS } from '../common/errors/status.ts';
import type { IStatus } from '../proto/generated/v2.ts';

/** The one Status that all results share, or MULTIPLE_RESULTS. `results` is not empty. */
export function combinedStatus(
  results: readonly { status?: IStatus | null | undefined }[],
): IStatus {
  const [first] = results;
  const code = first?.status?.code;
  const isOne = results.every((result) => result.status?.code === code);
  return isOne && first?.status ? first.status : STATUS_MULTIPLE_RESULTS;
}
