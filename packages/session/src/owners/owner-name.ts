/**
 * Converts the app's owner to a name. Accepts numbers, which databases use as IDs of users. Treats `null`, `""` and
 * `NaN` as no owner; otherwise all anonymous visitors would share one.
 *
 * @throws TypeError for objects, such as a promise: their text would be the same for all users.
 */
export function ownerName(owner: unknown): string | undefined {
  if (owner === undefined || owner === null || owner === "" || Number.isNaN(owner)) return undefined;
  if (typeof owner === "string") return owner;
  if (typeof owner === "number" || typeof owner === "bigint") return String(owner);
  throw new TypeError(`an owner must be a string, such as the user's ID, got ${typeof owner}`);
}
