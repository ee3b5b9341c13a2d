import { failureOf, measureProgram, measureTask, type Outcome, type Pacing } from "./cell.js";
import { request, send } from "./child.js";
import type { Contender, ContenderKind, Environment, Program } from "./contender.js";
import { databaseOn } from "./database.js";
import { makeDirectory } from "./directory.js";
import { Contenders } from "./families.js";
import type { Task } from "./operation.js";
import { StatementCount } from "./statement-count.js";
import { Expiry } from "./whole.js";
import { Workload } from "./workload.js";

/** What one process measures: one contender, one round, task by task. */
export interface CellsRequest {
  contender: string;
  /** Modules with contenders that are none of ours. */
  modules: readonly string[];
  tasks: readonly Task[];
  sessions: number;
  size: number;
  measureMs: number;
  /** The directory of the run. */
  run: string;
  server?: { url: string; pid: number; isCounting: boolean };
}

/** What the process sends, for each task in turn. */
export interface CellsMessage {
  outcome: Outcome;
}

const { contender: name, modules, tasks, sessions, size, measureMs, run, server } = request<CellsRequest>();
const kind: ContenderKind = (await Contenders.load(modules)).find(name);
const count = server?.isCounting ? await StatementCount.on(server.url) : undefined;
const pacing: Pacing = { measureMs };
if (server !== undefined)
  pacing.meter = { pid: server.pid, ...(count !== undefined && { statements: () => count.read() }) };

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
const outcomes: Outcome[] = [];
for (const task of tasks) {
  try {
    subject ??= await openSubject();
    outcomes.push(await measure(subject, task));
  } catch (error) {
    outcomes.push(failureOf(error));
    // What it holds is unknown now: the next task begins with another.
    await subject?.opened.close().catch(() => undefined);
    subject = undefined;
  }
  await send({ outcome: outcomes.at(-1) });
}

/** In the end, everything is read back: a write that was lost later than at once, or a session that was none of a task's. */
try {
  await subject?.workload?.verify("all");
  await subject?.opened.close();
} catch (error) {
  await send({ outcome: failureOf(error) });
}
await count?.close();
process.disconnect?.();
// What a contender has left open, a timer or a connection, does not hold up the run.
process.exit();
