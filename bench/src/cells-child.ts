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

/** Opens the contender, on an empty directory and an empty database, which is dropped when it is closed. */
async function open(now?: () => number): Promise<Contender | Program> {
  const environment: Environment = { directory: await makeDirectory(run), sessions, size };
  if (now !== undefined) environment.now = now;
  if (kind.server === undefined || server === undefined) return kind.open(environment);
  const database = await databaseOn(kind.server, server.url);
  const opened = await kind.open({ ...environment, url: database.url });
  const { close } = opened;
  opened.close = async () => {
    await close.call(opened);
    await database.drop();
  };
  return opened;
}

/** A contender that has been opened, with what is known of it. */
interface Subject {
  opened: Contender | Program;
  workload?: Workload;
}

async function openSubject(): Promise<Subject> {
  const opened = await open();
  if (opened.style === "program") return { opened };
  return { opened, workload: new Workload(opened, { sessions, size }) };
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
  let second: Contender | undefined;
  try {
    return await measureTask(workload, task, pacing, async () => {
      second = (await open(() => clock.now)) as Contender;
      return new Expiry(second, clock, { sessions, size });
    });
  } finally {
    await second?.close();
  }
}

let subject: Subject | undefined;

async function measureNext(task: Task): Promise<Outcome> {
  if (kind.operations?.includes(task.operation) === false) return { isAbsent: true };
  try {
    subject ??= await openSubject();
    return await measure(subject, task);
  } catch (error) {
    // What it holds is unknown now: the next task begins with another.
    await subject?.opened.close().catch(() => undefined);
    subject = undefined;
    return failureOf(error);
  }
}

/** In the end, everything is read back: a write that was lost later than at once, or a session that was none of a task's. */
async function endRound(): Promise<CellsAnswer> {
  const ending = subject;
  subject = undefined;
  try {
    await ending?.workload?.verify("all");
    await ending?.opened.close();
    return {};
  } catch (error) {
    return { outcome: failureOf(error) };
  }
}

await answerEach<CellsCommand, CellsAnswer>(async (command) =>
  "task" in command ? { outcome: await measureNext(command.task) } : endRound(),
);
await count?.close();
// What a contender has left open, a timer or a connection, does not hold up the run.
process.exit();
