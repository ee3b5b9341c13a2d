import type { Clock } from "../clock.js";
import { bytes } from "../expectations.js";
import type { AnyStore, Ledger, State, Write } from "./ledger.js";

const HOUR_MS = 3_600_000;

/** Returns the writes of a store with their effects. */
function writesOf(store: AnyStore, clock: Clock) {
  const live = (state: State): State => (state && state.expiry > clock.now() ? state : undefined);
  return {
    commit: (token: string, text: string, expiry: Date = clock.in(HOUR_MS)) => ({
      what: "commit",
      token,
      call: () => store.commit(token, bytes(text), expiry),
      effect: () => ({ answer: undefined, after: { data: bytes(text), expiry: expiry.getTime() } }),
    }),
    delete: (token: string) => ({
      what: "delete",
      token,
      call: () => store.delete(token),
      effect: () => ({ answer: undefined, after: undefined }),
    }),
    replace: (token: string, previous: string | undefined, text: string) => {
      const [old, data, expiry] = [
        previous === undefined ? undefined : bytes(previous),
        bytes(text),
        clock.in(HOUR_MS),
      ];
      const effect: Write["effect"] = (before) => {
        const now = live(before)?.data;
        const isEqual = now && old ? Buffer.compare(now, old) === 0 : now === old;
        return isEqual
          ? { answer: true, after: { data, expiry: expiry.getTime() } }
          : { answer: false, after: before };
      };
      return { what: "replace", token, call: async () => store.replace?.(token, old, data, expiry), effect };
    },
    touch: (token: string, expiry: Date) => {
      const effect: Write["effect"] = (before) => {
        const now = live(before);
        return now
          ? { answer: true, after: { data: now.data, expiry: expiry.getTime() } }
          : { answer: false, after: before };
      };
      return { what: "touch", token, call: async () => store.touch?.(token, expiry), effect };
    },
  };
}

const KEPT = ["kept", "overwritten", "replaced", "touched", "deleted", "ended", "both"];

/** Writes the initial records, before any fault. */
export async function prepare(store: AnyStore, ledger: Ledger): Promise<void> {
  const { commit } = writesOf(store, ledger.clock);
  await ledger.write(
    ...KEPT.map((token) =>
      commit(token, `old ${token}`, ledger.clock.in(token === "ended" ? 1000 : HOUR_MS)),
    ),
  );
}

/** Opens a store and uses all its methods, one by one and concurrently. */
export async function useStore(
  open: () => Promise<AnyStore>,
  close: () => Promise<void>,
  ledger: Ledger,
): Promise<void> {
  const { clock } = ledger;
  let store: AnyStore;
  try {
    store = await open();
  } catch (error) {
    ledger.rejects(error, "opening");
    return;
  }
  const { commit, delete: remove, replace, touch } = writesOf(store, clock);
  const long = "long ".repeat(2000);
  await ledger.write(commit("new", "first"));
  await ledger.write(commit("overwritten", long));
  await ledger.write(commit("new", "second"));
  await ledger.write(remove("deleted"));
  if (store.replace) {
    await ledger.write(replace("replaced", "old replaced", "replaced"));
    await ledger.write(replace("kept", "something else", "never"));
    await ledger.write(replace("inserted", undefined, "inserted"));
  }
  if (store.touch) await ledger.write(touch("touched", clock.in(2 * HOUR_MS)));
  for (const token of [...KEPT, "new", "inserted"]) await ledger.read(store, token);
  await ledger.write(
    commit("both", "one"),
    commit("at once", "one"),
    ...(store.replace ? [replace("both", "one", "two")] : []),
    remove("overwritten"),
    ...(store.touch ? [touch("new", clock.in(3 * HOUR_MS))] : []),
    commit("at once too", "two"),
    commit("both", "three"),
  );
  clock.advance(1000);
  if (store.deleteExpired)
    await store.deleteExpired().catch((error) => ledger.rejects(error, "deleteExpired"));
  for (const token of [...KEPT, "at once", "at once too"]) await ledger.read(store, token);
  await close().catch((error) => ledger.rejects(error, "disposal"));
}
