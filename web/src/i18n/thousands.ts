/** 1,234,567. The browser's own way loads the customs of all languages first, which takes longer than drawing a chart. */
export function thousands(whole: number | bigint | string): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
}
