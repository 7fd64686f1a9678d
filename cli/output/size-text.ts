/** Bytes as a person reads them, rounded to three digits: 1536 → `1.5 KiB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  const rounded = unit === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
  return `${rounded} ${units[unit] ?? ''}`;
}
