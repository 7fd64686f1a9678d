/** Label values of one series; a missing one is empty, as Prometheus sees it anyway. */
export type Labels<Label extends string = string> = Readonly<Record<Label, string>>;

/** Value of all labels of the series that takes what exceeds the bound. */
const OTHER = '_other';

/** `a="1",b="2"` in the order of `names`, escaped as the exposition format wants it. */
export function renderLabels(
  names: readonly string[],
  labels: Readonly<Record<string, string>>,
): string {
  return names.map((name) => `${name}="${escapeLabel(labels[name] ?? '')}"`).join(',');
}

function escapeLabel(value: string): string {
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

export function labelsOfOther(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, OTHER]));
}
