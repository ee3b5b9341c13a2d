// The main module of the processes that store-in-process.ts starts: store-process.js MODULE OPENING.
import type { FullStore, SessionEntry, Store } from "@scs/core";
import type { Connect } from "./check.js";
import type { Reply, Request } from "./store-in-process.js";

const [module, json] = process.argv.slice(2) as [string, string];
const opening = JSON.parse(json) as { location: unknown; now?: number; cleanupIntervalMs?: number };
let { now } = opening;

// Ignores undeliverable answers: the parent has ended, or does not wait.
const send = (reply: Reply): void => void process.send?.(reply, () => undefined);
const describe = (error: unknown): NonNullable<Reply["error"]> => {
  const { code, message, stack } = error as Error & { code?: string };
  return (error as Error)?.name === "StoreError"
    ? { code, message }
    : { code: undefined, message: stack ?? String(error) };
};

const clock = now === undefined ? {} : { now: () => now as number };
const { cleanupIntervalMs } = opening;
const { connect } = (await import(module)) as { connect: Connect<Store> };
const opened = Promise.resolve().then(() =>
  connect(opening.location, {
    ...clock,
    ...(cleanupIntervalMs === undefined ? {} : { cleanupIntervalMs }),
    onError: (error) => send({ error: describe(error) }),
  }),
);
opened.catch(() => undefined); // the first request reports the error
const walks = new Map<unknown, AsyncIterator<SessionEntry>>();

/** Calls the store at once, so that calls keep their order. */
async function perform(store: FullStore, { id, method, args }: Request): Promise<unknown> {
  const [walk] = args;
  switch (method) {
    case "ready":
      return undefined;
    case "entries":
      walks.set(id, store.entries()[Symbol.asyncIterator]());
      return id;
    case "next":
      return walks.get(walk)?.next();
    case "return":
      await walks.get(walk)?.return?.();
      walks.delete(walk);
      return undefined;
    case "dispose":
      return Symbol.asyncDispose in store ? store[Symbol.asyncDispose]() : undefined;
    default: {
      const named = store as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
      return named[method]?.(...args);
    }
  }
}

process.on("message", (request: Request) => {
  now = request.now;
  void opened
    .then((store) => perform(store as FullStore, request))
    .then(
      (result) => send({ id: request.id, result }),
      (error: unknown) => send({ id: request.id, error: describe(error) }),
    );
});
// The parent has ended, or no longer needs the store. Nothing is closed, as in a crash.
process.on("disconnect", () => process.exit());
