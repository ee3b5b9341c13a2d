/** The values of a session by name, as JSON has them. */
export interface Values {
  [name: string]: unknown;
}

/**
 * Applies to `theirs` what was changed from `base` to `mine`, name by name. A name that both changed gets the value of
 * `mine`.
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

/** A value as JSON text; `undefined` if there is none by that name. */
export function textOf(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? JSON.stringify(values[name]) : undefined;
}
