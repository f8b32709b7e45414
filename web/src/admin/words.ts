export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit] ?? ""}`;
}

export function numberText(n: number): string {
  return n >= 100 || Number.isInteger(n) ? Math.round(n).toLocaleString("en") : n.toFixed(1);
}

/** How long ago something was, in the largest unit. */
export function agoText(ms: number, now: number): string {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  const [n, unit] = s < 120 ? [s, "s"] : s < 7200 ? [Math.round(s / 60), "min"] : s < 172_800 ? [Math.round(s / 3600), "h"] : [Math.round(s / 86_400), "days"];
  return `${n} ${unit}`;
}
