/** What a store sends, one JSON text a line. Bytes are in base64, times in ms since the epoch. */
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
  /** The time, where the clock of the server does not count. */
  now?: number | undefined;
}

/** What the server answers, in the order of the commands. */
export interface Reply {
  record?: { data: string; expiry: number } | undefined;
  /** Of `replace` and `touch`. */
  done?: boolean | undefined;
  entries?: { token: string; data: string; expiry: number }[];
  removed?: number;
  /** A command that was refused, by its code. */
  error?: { code: string; message: string };
}
