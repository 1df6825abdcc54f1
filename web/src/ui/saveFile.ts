/** Saves a file through the browser: its content, or what the server sends from an address. */
export function saveFile(content: Blob | string, name: string): void {
  const link = document.createElement('a');
  const url = typeof content === 'string' ? content : URL.createObjectURL(content);
  link.href = url;
  link.download = name;
  link.click();
  if (typeof content !== 'string') setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
