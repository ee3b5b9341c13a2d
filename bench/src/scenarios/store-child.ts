import { findContender, loadFamily } from "../contenders/families.js";
import { answerEach, request } from "../harness/child.js";
import type { Contender, Environment } from "../harness/contender.js";
import { makeSite, type Site, type SiteRequest } from "../harness/site.js";
import { measureSingle, measureWhole } from "./cell.js";
import { Expiry } from "./expiry.js";
import { isRequest, isWhole, type Task } from "./operation.js";
import { failureOf, type Outcome } from "./outcome.js";
import { Workload } from "./workload.js";

/** The contender that a process measures. */
export interface StoreRequest extends SiteRequest {
  /** The address of the family's module. */
  family: string;
  contender: string;
  sessions: number;
  size: number;
  measureMs: number;
  /** Time that an operation runs before it is measured. */
  warmUpMs: number;
}

/**
 * Measures a task, or ends a round: verifies all sessions and removes them. The next task begins with an empty store,
 * but with compiled code.
 */
export type StoreCommand = { task: Task } | { isRoundOver: true };

/** The outcome of a task, or the failure of a round, if any. */
export interface StoreAnswer {
  outcome?: Outcome;
}

const given = request<StoreRequest>();
const { sessions, size, measureMs, warmUpMs } = given;
const kind = findContender(await loadFamily(given.family), given.contender);

/** An open contender. */
interface Subject extends Site {
  workload: Workload;
}

async function open(environment: Environment): Promise<Contender> {
  if (kind.open === undefined) throw new Error(`${kind.name} has no store operations`);
  return kind.open(environment);
}

async function openSubject(): Promise<Subject> {
  const site = await makeSite(given, kind.server, sessions);
  return { ...site, workload: new Workload(await open(site.environment), { sessions, size }) };
}

async function measure({ workload }: Subject, { operation, inFlight }: Task): Promise<Outcome> {
  if (isRequest(operation) || !workload.has(operation)) return { isAbsent: true };
  const pacing = {
    measureMs,
    warmUpMs,
  };
  if (operation !== "insert" && operation !== "deleteExpired") await workload.fill();
  if (!isWhole(operation)) return measureSingle(workload, { operation, inFlight }, pacing);
  const clock = { now: Date.now() };
  let closeSecond: (() => Promise<void>) | undefined;
  try {
    return await measureWhole(workload, operation, pacing, async () => {
      const { environment, drop } = await makeSite(given, kind.server, sessions);
      const second = await open({ ...environment, now: () => clock.now });
      closeSecond = async () => {
        await second.close();
        await drop();
      };
      return new Expiry(second, clock, { sessions, size });
    });
  } finally {
    await closeSecond?.();
  }
}

let subject: Subject | undefined;
/** A failure of a task's writes, found before the end of the round. */
let wrong: Outcome | undefined;

async function measureNext(task: Task): Promise<Outcome> {
  if (kind.open === undefined) return { isAbsent: true };
  try {
    subject ??= await openSubject();
    return await measure(subject, task);
  } catch (error) {
    const failed = subject;
    subject = undefined; // its content is unknown now, so the next task opens a new one
    const left = failed && (await conclude(failed)); // the writes of earlier tasks must still be there
    wrong ??= left;
    return failureOf(error);
  }
}

async function endRound(): Promise<StoreAnswer> {
  const outcome = wrong ?? (subject && (await conclude(subject)));
  subject = undefined;
  wrong = undefined;
  return outcome === undefined ? {} : { outcome };
}

/**
 * Verifies all sessions and, if the contender's writes are durable, verifies them again after closing and reopening it.
 * Returns the failure, if any.
 */
async function conclude({ workload, environment, drop }: Subject): Promise<Outcome | undefined> {
  const { contender } = workload;
  let isOpen = true;
  try {
    await workload.verify("all");
    isOpen = false;
    await contender.close();
    if (kind.durability !== "memory") {
      const again = await open(environment);
      await workload.verify("all", again).finally(() => again.close());
    }
    await drop();
    return undefined;
  } catch (error) {
    if (isOpen) await contender.close().catch(() => undefined);
    await drop().catch(() => undefined);
    return failureOf(error);
  }
}

await answerEach<StoreCommand, StoreAnswer>(async (command) =>
  "task" in command ? { outcome: await measureNext(command.task) } : endRound(),
);
process.exit(); // a timer or connection that a contender has left open must not delay the run
