import assert from "node:assert/strict";
import type { Fault } from "./gated-store.js";
import { type Answer, GRACE_MS, type World } from "./world.js";

/** The results of the operations of one interleaving. */
interface Outcome {
  world: World;
  answers: Answer[];
  names: string[];
  /** Whether all operations succeeded. */
  isClean: boolean;
  hasStopped: boolean;
}

const ENDS = new Set(["destroy", "revoke", "revokeAll u1"]);
const SWITCHES = new Set(["log in u1", "log in u2, renewed", "delete userId"]);

/** Checks the manager's guarantees after all operations have ended. */
export async function checkPromises(
  world: World,
  names: string[],
  stopped: ReadonlySet<number>,
  fault: Fault | undefined,
): Promise<void> {
  const answers = world.answers.filter((answer) => answer !== undefined);
  const outcome: Outcome = {
    world,
    answers,
    names,
    isClean: fault === undefined && world.errors.size === 0,
    hasStopped: stopped.size > 0,
  };
  await checkOneRecord(outcome);
  await checkEnds(outcome);
  await checkBystanders(outcome);
  await checkChanges(outcome);
  await checkMerge(outcome);
  await checkTokens(outcome);
  await checkLists(outcome);
}

async function checkOneRecord({ world }: Outcome): Promise<void> {
  for (const [mark, sessions] of await world.live()) {
    assert.equal(sessions.length, 1, `session ${mark} lives under ${sessions.length} keys`);
  }
}

async function checkEnds({ world, answers, names }: Outcome): Promise<void> {
  const live = (await world.live()).get("S")?.[0];
  for (const { name, isFound, result } of answers) {
    if (name === "destroy" && isFound) assert.equal(live, undefined, "destroyed, and yet it lives");
    if (name === "revoke" && result === true) assert.equal(live, undefined, "revoked, and yet it lives");
    const isSwitched = names.some((other) => SWITCHES.has(other));
    if (name === "revokeAll u1" && !isSwitched && world.handles.has("S")) {
      assert.equal(live, undefined, "all of u1 were revoked, and yet it lives");
    }
  }
}

/** Asserts that only the intended sessions have ended. */
async function checkBystanders({ world, names, answers, hasStopped }: Outcome): Promise<void> {
  const live = await world.live();
  assert.ok(live.has("V"), "the session of u2 has ended");
  const mayEnd =
    names.includes("revokeAll u1") || names.includes("new log-in u1") || names.includes("log in u1");
  if (!mayEnd) assert.ok(live.has("T"), "the other session of u1 has ended");
  const isEnded = names.some((name) => ENDS.has(name)) || names.includes("new log-in u1");
  if (!isEnded) assert.ok(live.has("S"), "the session has ended, and nobody ended it");
  const added = answers.filter(({ name }) => name === "new log-in u1");
  if (added.length !== 1 || names.includes("revokeAll u1") || hasStopped || names.length > 2) return;
  const [{ result }] = added as [Answer];
  if (typeof result === "string") assert.ok(live.has(result), "the session that was begun last is gone");
}

/** Asserts that a saved change is there, unless another operation overwrote it, or it was reported as dropped. */
async function checkChanges({ world, answers, names, isClean }: Outcome): Promise<void> {
  const values = (await world.live()).get("S")?.[0];
  if (values === undefined) return;
  const isSaved = (name: string) => answers.some((answer) => answer.name === name && !answer.isDropped);
  if (isSaved("set b")) assert.equal(values.b, 1, "the change of b is lost");
  if (isSaved("set a") && !names.includes("delete a")) assert.equal(values.a, 1, "the change of a is lost");
  if (isSaved("delete a") && !names.includes("set a")) assert.equal(values.a, undefined, "a is back");
  if (!isClean) return;
  if (names.includes("set b") && !isSaved("set b"))
    assert.equal(values.b, undefined, "b was told to be dropped");
  const owners = names.filter((name) => SWITCHES.has(name));
  if (owners.length !== 1) return;
  const after = { "log in u1": "u1", "log in u2, renewed": "u2", "delete userId": undefined }[
    owners[0] as string
  ];
  if (isSaved(owners[0] as string)) assert.equal(values.userId, after, "the change of the owner is lost");
}

async function checkMerge({ world, answers, names, isClean }: Outcome): Promise<void> {
  if (!names.includes("merge")) return;
  const live = await world.live();
  const isTaken = live.get("S")?.[0]?.extra === 7;
  const isSaved = answers.some(({ name, isDropped }) => name === "merge" && !isDropped);
  // After a failure of the store, the merge may be complete without an answer, and its session ended after it.
  const mayHaveEnded = !live.has("S") && (isSaved || !isClean);
  const isLost = !isTaken && !live.has("") && !mayHaveEnded;
  assert.ok(!isLost, "the values of the other session are lost with it");
}

async function checkTokens({ world, answers, names, isClean, hasStopped }: Outcome): Promise<void> {
  const live = await world.live();
  for (const { name, token } of answers) {
    if (token === undefined) continue;
    const mark = await world.leadsTo(token);
    assert.ok(mark === undefined || mark === "S", `the token of "${name}" leads to session ${mark}`);
  }
  if (!live.has("S")) return;
  const renewals = answers.filter(({ name, isDropped }) => isRenewal(name) && !isDropped);
  const first = world.tokens.get("S");
  if (renewals.length === 0) {
    // A failed operation leaves the client its token; a crashed one has no answer.
    if (!hasStopped) assert.equal(await world.leadsTo(first), "S", "the token that nobody renewed is dead");
    return;
  }
  const isGraceful = names.filter(isRenewal).every((name) => name === "renew with grace");
  if (isGraceful) assert.equal(await world.leadsTo(first), "S", "the old token is dead within its grace");
  else if (isClean && names.filter(isRenewal).length === 1) {
    assert.equal(await world.leadsTo(first), undefined, "the old token leads on");
  }
  const before = world.now;
  world.now += GRACE_MS + 1;
  if (isClean) assert.equal(await world.leadsTo(first), undefined, "the old token outlives its grace");
  const led = await Promise.all(renewals.map(({ token }) => world.leadsTo(token)));
  if (isGraceful)
    assert.ok(
      led.every((mark) => mark === "S"),
      "a new token is dead",
    );
  else if (isClean) assert.ok(led.includes("S"), "no new token leads to the session");
  world.now = before;
}

/** Asserts that a live session is on its owner's list and no other, and that `revokeAll` ends it. */
async function checkLists({ world, names, isClean }: Outcome): Promise<void> {
  const live = await world.live();
  const manager = world.newManager();
  for (const owner of ["u1", "u2"]) {
    const listed = (await manager.list(owner)).map(({ description }) => description).sort();
    const owned = [...live].flatMap(([mark, [values]]) => (values?.userId === owner ? [mark] : [])).sort();
    assert.deepEqual(listed, owned, `the list of ${owner} is ${listed}, and the sessions are ${owned}`);
    if (isClean && names.includes("new log-in u1")) assert.ok(owned.length <= world.maxPerOwner, "too many");
    await manager.revokeAll(owner);
    for (const mark of (await world.live()).keys()) {
      assert.ok(!owned.includes(mark), `session ${mark} of ${owner} outlives revokeAll`);
    }
  }
}

function isRenewal(name: string): boolean {
  return name.startsWith("renew") || name.endsWith("renewed");
}
