/** A command of a store: one line of JSON. Bytes are in base64, times in ms since the epoch. */
export interface Command {
  kind: "find" | "commit" | "delete" | "replace" | "touch" | "list" | "removeExpired";
  namespace: string;
  token?: string | undefined;
  previous?: string | undefined;
  data?: string | undefined;
  expiry?: number | undefined;
  /** `list` returns the tokens after this one, in order. */
  after?: string | undefined;
  limit?: number | undefined;
  /** The time, if the store has a clock of its own. */
  now?: number | undefined;
}

/** An answer of the server, in the order of the commands. */
export interface Reply {
  record?: { data: string; expiry: number } | undefined;
  /** The result of `replace` and `touch`. */
  done?: boolean | undefined;
  entries?: { token: string; data: string; expiry: number }[];
  removed?: number;
  /** The code of a refused command. */
  error?: { code: string; message: string };
}
