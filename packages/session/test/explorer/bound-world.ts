import assert from "node:assert/strict";
import { withSession } from "../../src/adapters/fetch.js";
import { type Session, SessionManager } from "../../src/index.js";
import { Device } from "../fixtures/device.js";
import type { Scenario } from "./explore.js";
import { type Fault, GatedStore } from "./gated-store.js";

interface Values {
  userId: string;
  a: number;
  b: number;
}
type Manager = SessionManager<Values>;

/** The answer of an operation. */
interface Answer {
  status?: number;
  /** The session's token, and the cookie that proves the device, if the client got them. */
  token?: string | undefined;
  cookie?: string | undefined;
  isDropped?: boolean;
  isEnded?: boolean;
}

const [SESSION, BOUND] = ["__Host-session", "__Host-session-bound"];
const [START, MINUTE_MS] = [1_700_000_000_000, 60_000];
const device = new Device(); // one for all runs: keys take their time

/** A user's session in a store that waits, and the managers over it. */
class BoundWorld {
  now = START;
  readonly store: GatedStore;
  token = "";
  cookie = "";
  /** The challenge that the browser must sign to bind or refresh. */
  challenge = "";
  identifier = "";

  constructor(other?: BoundWorld) {
    this.store = new GatedStore(() => this.now, other?.store);
    if (other === undefined) return;
    const { now, token, cookie, challenge, identifier } = other;
    Object.assign(this, { now, token, cookie, challenge, identifier });
  }

  newManager(): Manager {
    return new SessionManager<Values>({
      ...{ store: this.store, now: () => this.now, deviceBound: true, onError: () => undefined },
      ...{ owner: (data) => data.userId, idleTimeoutMs: 60 * MINUTE_MS, touchAfterMs: 1000 },
    });
  }

  async begin(isBound: boolean): Promise<void> {
    const manager = this.newManager();
    const response = await withSession(manager, new Request("https://shop.test/"), (session) => {
      session.set("userId", "u1").set("a", 0);
      this.token = session.token as string;
      return new Response(null);
    });
    const asked = response.headers.get("secure-session-registration") ?? "";
    this.challenge = /challenge="([^"]+)"/.exec(asked)?.[1] as string;
    if (isBound) this.take(await this.post(manager, "bind"));
    this.now += 2000; // so that a touch is due
  }

  /** Returns the browser's request to bind or refresh. */
  post(manager: Manager, path: "bind" | "refresh"): Promise<Response> {
    const proof = path === "bind" ? device.registration(this.challenge) : device.refresh(this.challenge);
    const headers = {
      cookie: `${SESSION}=${this.token}`,
      "secure-session-response": proof,
      "sec-secure-session-id": this.identifier,
    };
    const request = new Request(`https://shop.test/.session/${path}`, { method: "POST", headers });
    return withSession(manager, request, () => assert.fail("the app was asked"));
  }

  take(response: Response): void {
    const [, challenge = "", id = ""] =
      /^"([^"]+)";id="([^"]+)"$/.exec(response.headers.get("secure-session-challenge") ?? "") ?? [];
    Object.assign(this, { challenge, identifier: id, cookie: cookieOf(response) });
  }

  load(manager: Manager, token = this.token, cookie = this.cookie): Promise<Session<Values>> {
    return manager.load({ headers: { cookie: `${SESSION}=${token}; ${BOUND}=${cookie}` } });
  }

  async isLed(token: string, cookie = ""): Promise<boolean> {
    return (await this.load(this.newManager(), token, cookie)).has("a");
  }

  /** Returns the stored session. */
  async stored(): Promise<{ isBound: boolean; b: number | undefined } | undefined> {
    let found: { isBound: boolean; b: number | undefined } | undefined;
    await this.newManager().iterate((session) => {
      found = { isBound: session.binding === "bound", b: session.get("b") };
    });
    return found;
  }
}

function cookieOf(response: Response): string {
  return new RegExp(`${BOUND}=([\\w-]+);`).exec(response.headers.getSetCookie().join())?.[1] ?? "";
}

interface Operation {
  name: string;
  run: (world: BoundWorld, manager: Manager) => Promise<Answer>;
}

/** Makes a request of the session's own client. */
function request(name: string, work: (session: Session<Values>) => unknown): Operation {
  return {
    name,
    async run(world, manager) {
      const session = await world.load(manager);
      if (!session.has("a")) return {}; // it was bound meanwhile, or is over
      work(session);
      await manager.commit(session);
      const isDropped = session.status === "destroyed";
      return { isDropped, token: isDropped ? undefined : session.token };
    },
  };
}

function post(path: "bind" | "refresh"): Operation {
  return {
    name: path,
    async run(world, manager) {
      const response = await world.post(manager, path);
      return { status: response.status, cookie: cookieOf(response) };
    },
  };
}

export const PROOFS: readonly Operation[] = [post("bind"), post("refresh")];
export const OTHERS: readonly Operation[] = [
  request("set b", (session) => session.set("b", 1)),
  request("touch", () => undefined),
  request("renew", (session) => session.renew()),
  request("renew with grace", (session) => session.renew({ graceMs: MINUTE_MS })),
  request("authenticate", (session) => session.markAuthenticated()),
  request("log out", (session) => session.delete("userId")),
  request("destroy", (session) => session.destroy()),
  {
    name: "revoke",
    async run(world, manager) {
      const [session] = await world.newManager().list("u1");
      return { isEnded: await manager.revoke(session?.handle ?? "") };
    },
  },
  { name: "revokeAll", run: async (_, manager) => ({ isEnded: (await manager.revokeAll("u1")) > 0 }) },
];

/** Prepares a session whose binding is requested or complete. Returns a function that runs these operations on it at once. */
export async function prepareBound(
  operations: readonly Operation[],
  processes: number,
): Promise<() => Promise<Scenario>> {
  const isBound = !operations.some(({ name }) => name === "bind");
  const before = new BoundWorld();
  await before.begin(isBound);
  return async () => {
    const world = new BoundWorld(before);
    const managers = Array.from({ length: processes }, () => world.newManager());
    const answers: (Answer | undefined)[] = [];
    return {
      store: world.store,
      processOf: (at) => at % processes,
      operations: operations.map(({ run }, at) => async () => {
        answers[at] = await run(world, managers[at % processes] as Manager).catch(() => undefined);
      }),
      check: (stopped, fault) => check({ world, operations, answers, stopped, fault, isBound }),
    };
  };
}

interface Outcome {
  world: BoundWorld;
  operations: readonly Operation[];
  answers: readonly (Answer | undefined)[];
  stopped: ReadonlySet<number>;
  fault: Fault | undefined;
  /** Whether the session was bound before. */
  isBound: boolean;
}

/** Checks the manager's guarantees for every interleaving of a binding with the end or renewal of its session. */
async function check({ world, operations, answers, stopped, fault, isBound }: Outcome): Promise<void> {
  const named = (name: string) => answers.filter((_, at) => operations[at]?.name === name);
  const isAnswered = (name: string) => named(name).some((answer) => answer !== undefined);
  const live = await world.stored();
  const [destroyed] = named("destroy");
  if (destroyed?.isDropped === true || answers.some((answer) => answer?.isEnded)) {
    assert.equal(live, undefined, "ended, and yet it lives");
  }
  const given = answers.flatMap((answer) => answer?.cookie || []);
  const tokens = [world.token, ...answers.flatMap((answer) => answer?.token ?? [])];
  if (live === undefined) {
    for (const token of tokens) for (const cookie of given) assert.ok(!(await world.isLed(token, cookie)));
    const ends = ["destroy", "revoke", "revokeAll"];
    assert.ok(
      operations.some(({ name }) => ends.includes(name)),
      "nobody ended it",
    );
    return;
  }
  if (isBound || given.length > 0) assert.ok(live.isBound, "bound, and then not");
  if (named("set b").some((answer) => answer?.isDropped === false))
    assert.equal(live.b, 1, "a change is lost");
  const leading = [];
  for (const token of tokens) if (await world.isLed(token, world.cookie || given[0])) leading.push(token);
  const isLost = stopped.size > 0 || fault !== undefined;
  if (!isLost) assert.ok(leading.length > 0, "no token leads to the session, with the cookie of its device");
  for (const token of leading) {
    if (live.isBound) assert.ok(!(await world.isLed(token)), "a token alone leads to a bound session");
    for (const cookie of given)
      assert.ok(await world.isLed(token, cookie), "a cookie that was given is dead");
    if (isBound)
      assert.ok(await world.isLed(token, world.cookie), "the cookie of requests in flight is dead");
  }
  for (const answer of named("bind")) {
    if (answer?.status === 500 && given.length === 0) {
      assert.ok(!live.isBound, "bound, and the browser was not told");
    }
  }
  const isAlone = operations.filter(({ name }) => name === "bind" || name === "refresh").length === 1;
  const isUndisturbed = operations.every(({ name }) => !name.startsWith("renew") && name !== "authenticate");
  if (isAlone && isUndisturbed && fault === undefined) {
    assert.ok(isAnswered("bind") || isAnswered("refresh"));
    assert.equal(given.length, 1, "the device was refused");
  }
}
