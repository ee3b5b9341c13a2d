import type { ContenderKind } from "../harness/contender.js";
import { load } from "../harness/packages.js";
import { expressPeer } from "./express-peer.js";
import type { SessionFileStore } from "./peer-types.js";

export const sessionFileStore: ContenderKind = expressPeer({
  name: "session-file-store",
  durability: "process",
  package: "session-file-store",
  note: "flushes the file but not its directory; `retries: 0`, as by default it spends 259 ms on an unknown session",
  open: async ({ directory: path }) => {
    const { default: session } = await import("express-session");
    const { default: createFileStore } = await load<SessionFileStore>("session-file-store");
    // By default, it prints a line for each unknown session.
    const store = new (createFileStore(session))({ path, retries: 0, logFn: () => undefined });
    return {
      store: {
        // express-session reads ENOENT as absence.
        get: (token, done) =>
          store.get(token, (error, found) => done(error?.code === "ENOENT" ? null : error, found)),
        set: (token, content, done) => store.set(token, content, (error) => done?.(error)),
        destroy: (token, done) => store.destroy(token, done),
        touch: (token, content, done) => store.touch?.(token, content, done),
      },
      forExpress: store,
    };
  },
});
