/** What the key of a record says of it. A key that is none of these may be a token of another program: it is never shown. */
export type RecordKind = "session" | "list" | "other";

const SESSION = /^(?:([\w-]{1,64})\.)?([\w-]{22})$/;
const LIST = /^@owner\.(?:([\w-]{1,64})\.)?([\w-]{43})$/;

export interface RecordName {
  kind: RecordKind;
  namespace: string;
}

/** Reads from a record's key whether it is a session's or an owner's list, and of which namespace. */
export function nameOf(key: string): RecordName {
  const session = SESSION.exec(key);
  if (session !== null) return { kind: "session", namespace: session[1] ?? "" };
  const list = LIST.exec(key);
  return list === null ? { kind: "other", namespace: "" } : { kind: "list", namespace: list[1] ?? "" };
}
