import { type Check, runCheck, StoreInProcess, storeChecks } from "@scs/testkit";
import { expect, it } from "vitest";
import { backendOf, type Item, ReferenceStore } from "./reference-store.js";

const module = new URL("./modules/never-opens.js", import.meta.url);

const check = (name: string): Check<ReferenceStore> =>
  storeChecks.find((candidate) => candidate.name.startsWith(name)) as Check<ReferenceStore>;

async function failureOf(
  concerned: Check<ReferenceStore>,
  Store: typeof ReferenceStore = ReferenceStore,
): Promise<Error> {
  const outcome = await runCheck(concerned, { ...backendOf(Store), module } as never).then(
    () => undefined,
    (error: Error) => error,
  );
  expect(outcome).toBeInstanceOf(Error);
  return outcome as Error;
}

/** Finds the data of another session. */
class MixedStore extends ReferenceStore {
  override record(item: Item) {
    const { data, expiry } = super.record(item);
    return { data: data.map((byte) => byte ^ 1), expiry };
  }
}

it("begins with the sentence of the contract, and shows printable bytes as text", async () => {
  const { message, stack } = await failureOf(check("commit changes no other record"), MixedStore);
  expect(message).toBe('broken: commit changes no other record\ndata is "nod", not "one"');
  expect(stack).toContain(message);
  const other = await failureOf(check("find returns every value of a byte"), MixedStore);
  expect(other.message).toMatch(/\ndata is <010003.*> … \(256 bytes\), not <000102.*> … \(256 bytes\)$/);
});

it("shows no diff of true and false", async () => {
  const { message, ...shown } = await failureOf(check("find returns the committed data"), MixedStore);
  expect(shown).toMatchObject({ actual: undefined, expected: undefined });
});

it("shortens the calls of an interleaving to 2 kB, after the sentence, the seed and the reason", async () => {
  const { message } = await failureOf(check("interleaved"), MixedStore);
  const [sentence, seed, reason, call] = message.split("\n");
  expect(sentence).toMatch(/^broken: interleaved finds, commits and deletes of several clients/);
  expect(seed).toMatch(/^seed: -?\d+ \(SCS_TEST_SEED=-?\d+ replays it\)$/);
  expect(reason).toMatch(/^no allowed order explains the answers for token \d: $/);
  expect(call).toMatch(/^ {2}client \d, \d+ to \d+: /);
  expect(message.length).toBeLessThan(2300);
});

it("explains exit codes and signals", async () => {
  const inProcess: Check<ReferenceStore> = {
    name: "a check",
    run: (context) => context.inProcess("is collected"),
  };
  expect((await failureOf(inProcess)).message).toContain(
    "the process ended with exit code 13 (a top-level await that never settled: it waits for something that holds no handle)",
  );
  const options = { onError: () => undefined };
  await expect(StoreInProcess.open(module, "", options)).rejects.toThrow("exit code 13 (a top-level await");
  const killed = new URL("./modules/two-processes.js", import.meta.url);
  const store = await StoreInProcess.open(killed, "", options);
  const pending = store.commit("never", new Uint8Array(), new Date());
  await Promise.all([expect(pending).rejects.toThrow(/ended with SIGKILL \(killed/), store.kill()]);
});
