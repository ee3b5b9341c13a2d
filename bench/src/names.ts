/** @throws RangeError that lists what there is, if a name is not among it */
export function assertKnown(
  what: string,
  names: readonly string[] | undefined,
  known: readonly string[],
): void {
  for (const name of names ?? []) if (!known.includes(name)) throw unknown(what, name, known);
}

export function unknown(what: string, name: string, known: readonly string[]): RangeError {
  return new RangeError(`no ${what} "${name}"; there are: ${[...new Set(known)].join(", ")}`);
}
