import { failureOf, measureProgram, measureTask, type Outcome, type Pacing } from "./cell.js";
import { answerEach, request } from "./child.js";
import type { Contender, ContenderKind, Environment, Program } from "./contender.js";
import { databaseOn } from "./database.js";
import { makeDirectory } from "./directory.js";
import { Contenders } from "./families.js";
import type { Operation, Task } from "./operation.js";
import { StatementCount } from "./statement-count.js";
import type { ServerMeter } from "./stopwatch.js";
import { Expiry } from "./whole.js";
import { Workload } from "./workload.js";

/** What one process measures: one contender. */
export interface CellsRequest {
  contender: string;
  /** Modules with contenders that are none of ours. */
  modules: readonly string[];
  sessions: number;
  size: number;
  measureMs: number;
  /** An operation has run for so long before it is measured for the first time, and later for so long. */
  warmUpMs: { first: number; again: number };
  /** The directory of the run. */
  run: string;
  server?: { url: string; pid: number; isCounting: boolean };
}

/**
 * What the process is asked for: to measure a task; or to end a round, which is to read back everything, and to forget
 * it. The next task begins with nothing, but with the code that the engine has compiled.
 */
export type CellsCommand = { task: Task } | { isRoundOver: true };

/** Of a round that is over: nothing, or what was wrong. */
export type CellsAnswer = { outcome: Outcome } | Record<string, never>;

const given = request<CellsRequest>();
const { contender: name, modules, sessions, size, measureMs, warmUpMs, run, server } = given;
const kind: ContenderKind = (await Contenders.load(modules)).find(name);
const count = server?.isCounting ? await StatementCount.on(server.url) : undefined;
const meter: ServerMeter | undefined = server && {
  pid: server.pid,
  ...(count !== undefined && { statements: () => count.read() }),
};
/** What has been measured before, and is compiled. */
const warm = new Set<Operation>();

/** Where a contender is opened: an empty directory, and an empty database, which is to be dropped. */
async function makeSite(): Promise<{ environment: Environment; drop(): Promise<void> }> {
  const environment: Environment = { directory: await makeDirectory(run), sessions, size };
  if (kind.server === undefined || server === undefined) return { environment, drop: async () => undefined };
  const database = await databaseOn(kind.server, server.url);
  return { environment: { ...environment, url: database.url }, drop: () => database.drop() };
}

/** A contender that has been opened, with what is known of it. */
interface Subject {
  opened: Contender | Program;
  workload?: Workload;
  environment: Environment;
  drop(): Promise<void>;
}

async function openSubject(): Promise<Subject> {
  const site = await makeSite();
  const opened = await kind.open(site.environment);
  if (opened.style === "program") return { ...site, opened };
  return { ...site, opened, workload: new Workload(opened, { sessions, size }) };
}

async function measure({ opened, workload }: Subject, task: Task): Promise<Outcome> {
  const pacing: Pacing = {
    measureMs,
    warmUpMs: warm.has(task.operation) ? warmUpMs.again : warmUpMs.first,
    ...(meter !== undefined && { meter }),
  };
  warm.add(task.operation);
  if (opened.style === "program") return (await measureProgram(opened, task, pacing)) ?? { isAbsent: true };
  if (workload === undefined || !workload.has(task.operation)) return { isAbsent: true };
  if (task.operation === "insert") await workload.startInserting();
  else if (task.operation !== "deleteExpired") await workload.fill();
  const clock = { now: Date.now() };
  let closeSecond: (() => Promise<void>) | undefined;
  try {
    return await measureTask(workload, task, pacing, async () => {
      const { environment, drop } = await makeSite();
      const second = (await kind.open({ ...environment, now: () => clock.now })) as Contender;
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
/** What was wrong with what tasks of this round have left, before the end of the round. */
let wrong: Outcome | undefined;

async function measureNext(task: Task): Promise<Outcome> {
  if (kind.operations?.includes(task.operation) === false) return { isAbsent: true };
  try {
    subject ??= await openSubject();
    return await measure(subject, task);
  } catch (error) {
    const failed = subject;
    subject = undefined; // what it holds is unknown now: the next task begins with another
    // The tasks before this one are to have left what they wrote all the same.
    const left = failed && (await conclude(failed));
    wrong ??= left;
    return failureOf(error);
  }
}

async function endRound(): Promise<CellsAnswer> {
  const outcome = wrong ?? (subject && (await conclude(subject)));
  subject = undefined;
  wrong = undefined;
  return outcome === undefined ? {} : { outcome };
}

/**
 * In the end, everything is read back: a write that was lost later than at once, or a session that was none of a task's.
 * And once more by one that is opened anew, where a write is to outlive who has made it. Gives what was wrong.
 */
async function conclude({ opened, workload, environment, drop }: Subject): Promise<Outcome | undefined> {
  let isOpen = true;
  try {
    await workload?.verify("all");
    isOpen = false;
    await opened.close();
    if (workload !== undefined && kind.durability !== "memory" && !kind.isWriteOnly) {
      const again = (await kind.open(environment)) as Contender;
      try {
        await workload.verify("all", again);
      } finally {
        await again.close();
      }
    }
    await drop();
    return undefined;
  } catch (error) {
    if (isOpen) await opened.close().catch(() => undefined);
    await drop().catch(() => undefined);
    return failureOf(error);
  }
}

await answerEach<CellsCommand, CellsAnswer>(async (command) =>
  "task" in command ? { outcome: await measureNext(command.task) } : endRound(),
);
await count?.close();
// What a contender has left open, a timer or a connection, does not hold up the run.
process.exit();
