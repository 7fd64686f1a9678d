/**
 * What grpc-js says of a call that failed, without what it says about itself: `connect ECONNREFUSED 10.0.0.7:8081`,
 * `the name broker-0.mq:8081 cannot be resolved`, `no answer within 1.5 s`.
 */
export function plainDetails(details: string): string {
  const [, target] = /^Name resolution failed for target (?:\w+:)?(.*)$/s.exec(details) ?? [];
  if (target !== undefined) return `the name ${target} cannot be resolved`;
  const [, seconds] = /^Deadline exceeded after ([\d.]+)s/.exec(details) ?? [];
  // What has passed, a moment more than what was allowed: 1.501 of 1.5.
  if (seconds !== undefined) return `no answer within ${Number(Number(seconds).toPrecision(2))} s`;
  const reason = details
    .replace(/^No connection established\. Last error: /, '')
    .replace(/ ?Resolution note: ?$/, '')
    .replace(/; if the root CA is installed locally.*$/, '')
    .replace(/^(Error: )?(.*?)\.?$/s, '$2');
  return reason === 'null' ? 'no connection could be made yet' : reason;
}
