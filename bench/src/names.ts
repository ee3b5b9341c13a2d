/**
 * Gives the names in lists that commas part. A name may have commas itself: of what is known, the longest is meant.
 *
 * @throws RangeError that lists what there is, if a name is not among it
 */
export function namesIn(what: string, lists: readonly string[], known: readonly string[]): string[] {
  const longestFirst = known.toSorted((a, b) => b.length - a.length);
  return lists.flatMap((list) => {
    const names: string[] = [];
    for (let rest = list.trim(); ; ) {
      const name = longestFirst.find(
        (each) => rest.startsWith(each) && /^\s*(,|$)/.test(rest.slice(each.length)),
      );
      if (name === undefined) throw unknown(what, rest.split(",")[0]?.trim() ?? rest, known);
      names.push(name);
      const comma = rest.indexOf(",", name.length);
      if (comma < 0) return names;
      rest = rest.slice(comma + 1).trim();
    }
  });
}

export function unknown(what: string, name: string, known: readonly string[]): RangeError {
  return new RangeError(`no ${what} "${name}"; there are: ${[...new Set(known)].join(", ")}`);
}
