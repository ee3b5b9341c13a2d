import { ask, request } from "./child.js";
import { drive } from "./drive.js";
import type { SharedStep } from "./processes.js";
import { createSession, Tokens } from "./sessions.js";
import { findStore } from "./stores.js";

/** One of several processes on one backend. */
export interface ProcessesRequest {
  store: string;
  sessions: number;
  size: number;
  inFlight: number;
  measureMs: number;
  directory: string;
  url?: string;
  /** Of all sessions, in ms since the epoch. */
  expiry: number;
  /** Which of them it is, from 0. */
  number: number;
  processes: number;
}

/** What it is told to do; to verify, with the versions of the sessions of all processes. */
export interface ProcessesCommand {
  step: SharedStep | "end";
  versions?: number[][];
}

/** What it says when a step is done. */
export interface ProcessesMessage {
  perSecond?: number;
  /** Of its own sessions, which of two contents each has. */
  versions?: number[];
  failure?: string;
}

const WARM_UP_MS = 300;
const given = request<ProcessesRequest>();
const { sessions, size, inFlight, measureMs, number, processes } = given;
const tokens = new Tokens(sessions, 1);
const expiry = new Date(given.expiry);
/** Its own sessions are those in which it writes; it reads all. */
const own = Array.from({ length: sessions }, (_, index) => index).filter(
  (index) => index % processes === number,
);
const contents = [1, 2].map((version) =>
  own.map((index) => Buffer.from(JSON.stringify(createSession(index, version, size, expiry)))),
);
const versions = new Uint8Array(own.length);
const store = await findStore(given.store).open(given, { cleanupIntervalMs: 0 });
const untimed = { inFlight, ms: Number.POSITIVE_INFINITY, every: 2 ** 30 };

async function write(ms: number): Promise<{ calls: number; elapsedMs: number }> {
  const how = { count: own.length, inFlight, ms, every: 16 };
  const driven = await drive("promise", how, (position) => {
    const version = 1 - (versions[position] as number);
    versions[position] = version;
    return store.commit(tokens.at(own[position] as number), contents[version]?.[position] as Buffer, expiry);
  });
  return driven;
}

async function read(ms: number): Promise<{ calls: number; elapsedMs: number }> {
  const how = { count: sessions, inFlight, ms, every: 16 };
  const driven = await drive("promise", how, (index) =>
    store.find(tokens.at((index + number * 97) % sessions)),
  );
  if (driven.results !== driven.calls) throw new Error("a session was not found");
  return driven;
}

/** Repeats for the time that is measured, and gives calls a second. */
async function rate(
  pass: (ms: number) => Promise<{ calls: number; elapsedMs: number }>,
  ms: number,
): Promise<number> {
  let [calls, elapsed] = [0, 0];
  while (elapsed < ms) {
    const driven = await pass(ms - elapsed);
    calls += driven.calls;
    elapsed += driven.elapsedMs;
  }
  return (calls / elapsed) * 1000;
}

const steps: Record<SharedStep, () => Promise<number | undefined>> = {
  fill: async () => {
    await drive("promise", { ...untimed, count: own.length }, (position) =>
      store.commit(tokens.at(own[position] as number), contents[0]?.[position] as Buffer, expiry),
    );
    return undefined;
  },
  warm: async () => {
    await rate(read, WARM_UP_MS);
    await rate(write, WARM_UP_MS);
    return undefined;
  },
  find: () => rate(read, measureMs),
  update: () => rate(write, measureMs),
  verify: async () => {
    const { answers } = await drive("promise", { ...untimed, every: 1, count: own.length }, (position) =>
      store.find(tokens.at(own[position] as number)),
    );
    for (const [position, found] of answers) {
      const content = contents[versions[position] as number]?.[position] as Buffer;
      const data = (found as { data: Uint8Array } | undefined)?.data;
      if (data === undefined || content.compare(data) !== 0)
        throw new Error("a session that was read back is not what was written");
    }
    return undefined;
  },
};

/** Reads back what another process has written: a copy that is kept here and not renewed would be found out. */
async function verifyNeighbours(ofOthers: readonly (readonly number[])[]): Promise<void> {
  const neighbour = (number + 1) % processes;
  const theirs = Array.from({ length: sessions }, (_, index) => index).filter(
    (index) => index % processes === neighbour,
  );
  const { answers } = await drive("promise", { ...untimed, every: 1, count: theirs.length }, (position) =>
    store.find(tokens.at(theirs[position] as number)),
  );
  for (const [position, found] of answers) {
    const version = (ofOthers[neighbour]?.[position] as number) + 1;
    const content = JSON.stringify(createSession(theirs[position] as number, version, size, expiry));
    const data = (found as { data: Uint8Array } | undefined)?.data;
    if (data === undefined || Buffer.compare(Buffer.from(content), data) !== 0)
      throw new Error("a session that another process wrote is not what it has written");
  }
}

let message: ProcessesMessage = {};
for (;;) {
  const { step, versions: ofAll } = await ask<ProcessesCommand>(message);
  message = {};
  if (step === "end") break;
  try {
    const perSecond = await steps[step]();
    if (perSecond !== undefined) message.perSecond = perSecond;
    if (step === "update") message.versions = [...versions];
    if (step === "verify") await verifyNeighbours(ofAll ?? []);
  } catch (error) {
    message.failure = error instanceof Error ? error.message : String(error);
  }
}
await store[Symbol.asyncDispose]();
process.disconnect?.();
process.exit();
