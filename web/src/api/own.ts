/** What a plain object itself has under a name that came from data: `constructor` and `__proto__` are names like any other. */
export function own<T>(dictionary: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(dictionary, name) ? dictionary[name] : undefined;
}
