import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";

/** Each note has a key of its own, so that two tabs that add notes at once lose none. */
export type Notes = { user: string; device: string } & Record<`note:${string}`, string>;

const MINUTE_MS = 60_000;

export const sessions = new SessionManager<Notes, string>({
  store: new MemStore(),
  owner: (data) => data.user, // whose devices the page lists
  describe: (data) => data.device ?? "a device",
  idleTimeoutMs: 30 * MINUTE_MS,
  cookie: { secure: false }, // for plain http in development; leave it out behind https
});
