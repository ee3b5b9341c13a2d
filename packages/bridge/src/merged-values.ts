/** The values of a session by name, limited to what JSON can represent. */
export interface Values {
  [name: string]: unknown;
}

/**
 * Merges by name: applies the changes from `base` to `mine` to `theirs`. If both changed a name, the value of `mine`
 * wins.
 */
export function mergeValues(base: Values, mine: Values, theirs: Values): Values {
  const merged = new Map(Object.entries(theirs));
  for (const name of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    if (textOf(base, name) === textOf(mine, name)) continue;
    if (Object.hasOwn(mine, name)) merged.set(name, mine[name]);
    else merged.delete(name);
  }
  return Object.fromEntries(merged); // defines "__proto__" as a value, where an assignment would change the prototype
}

/** Returns a value as JSON text, or `undefined` if there is none of that name. */
export function textOf(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? JSON.stringify(values[name]) : undefined;
}
