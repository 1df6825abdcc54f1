/** An object's own property by a name that came from data, in which `constructor` and `__proto__` are names like any other. */
export function own<T>(dictionary: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(dictionary, name) ? dictionary[name] : undefined;
}
