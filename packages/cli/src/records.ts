/** The kind of a record by its key. A key of the kind `other` may be a token of another program, and is never shown. */
export type RecordKind = "session" | "list" | "other";

const SESSION = /^(?:([\w-]{1,64})\.)?([\w-]{22})$/;
const LIST = /^@owner\.(?:([\w-]{1,64})\.)?([\w-]{43})$/;

export interface RecordName {
  kind: RecordKind;
  namespace: string;
}

/** Returns kind and namespace of a record by its key. */
export function nameOf(key: string): RecordName {
  const session = SESSION.exec(key);
  if (session !== null) return { kind: "session", namespace: session[1] ?? "" };
  const list = LIST.exec(key);
  return list === null ? { kind: "other", namespace: "" } : { kind: "list", namespace: list[1] ?? "" };
}
