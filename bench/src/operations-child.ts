import { isDeepStrictEqual, promisify } from "node:util";
import { answer, collectGarbage } from "./child.js";
import { type Contender, findContender } from "./contender.js";
import { driveCallbacks, drivePromises } from "./drive.js";
import type { Operation, OperationsRequest, OperationsResult } from "./operation.js";
import { createSession, shuffled, tokenGenerator } from "./sessions.js";

const STORED = 1;
const UNKNOWN = 2;

/** Calls one contender, pass by pass over all sessions, and checks what it answers. */
class Workload {
  readonly #contender: Contender;
  readonly #count: number;
  readonly #inFlight: number;
  readonly #order: number[];
  readonly #versions: { session: unknown; content: unknown }[][];
  #version = 0;

  constructor(contender: Contender, expiry: Date, { sessions, size, inFlight }: OperationsRequest) {
    this.#contender = contender;
    this.#count = sessions;
    this.#inFlight = inFlight;
    this.#order = shuffled(sessions, 3);
    this.#versions = [1, 2].map((version) =>
      this.#order.map((index) => {
        const session = createSession(index, version, size, expiry);
        return { session, content: contender.prepare(session) };
      }),
    );
  }

  /** Carries out the operation once for each session, and gives the time that it took, in ms. */
  async pass(operation: Operation): Promise<number> {
    const tokens = this.#tokens(operation === "miss" ? UNKNOWN : STORED);
    if (operation === "update") this.#version = 1 - this.#version;
    const started = performance.now();
    const results = await this.#drive(operation, tokens);
    const elapsed = performance.now() - started;
    const expected = operation === "find" ? this.#count : 0;
    if (results !== expected) throw new Error(`${results} calls gave a result, expected ${expected}`);
    return elapsed;
  }

  /** Reads all sessions back, after an operation, and compares them. */
  async verify(operation: Operation): Promise<void> {
    const contender = this.#contender;
    const find = contender.style === "promise" ? contender.find : promisify(contender.find);
    for (const [position, token] of this.#tokens(STORED).entries()) {
      const found = (await find(token)) ?? undefined;
      const session = operation === "delete" ? undefined : this.#versions[this.#version]?.[position]?.session;
      const read = found === undefined ? undefined : contender.parse(found);
      if (!isDeepStrictEqual(read, session))
        throw new Error("a session that was read back is not what was written");
    }
  }

  /**
   * Makes the tokens anew for each pass: a token comes with a request, a string that no store has met. The
   * very string that was stored would have its hash computed already, and be found by its address.
   */
  #tokens(seed: number): string[] {
    const next = tokenGenerator(seed);
    const tokens = Array.from({ length: this.#count }, next);
    return this.#order.map((index) => tokens[index] as string);
  }

  #drive(operation: Operation, tokens: string[]): Promise<number> {
    const contender = this.#contender;
    const contents = this.#versions[this.#version]?.map(({ content }) => content) ?? [];
    const token = (position: number) => tokens[position] as string;
    if (contender.style === "promise") {
      const calls: Record<Operation, (position: number) => Promise<unknown>> = {
        find: (position) => contender.find(token(position)),
        miss: (position) => contender.find(token(position)),
        update: (position) => contender.commit(token(position), contents[position]),
        insert: (position) => contender.commit(token(position), contents[position]),
        delete: (position) => contender.delete(token(position)),
      };
      return drivePromises(this.#count, this.#inFlight, calls[operation]);
    }
    const calls: Record<Operation, Parameters<typeof driveCallbacks>[2]> = {
      find: (position, callback) => contender.find(token(position), callback),
      miss: (position, callback) => contender.find(token(position), callback),
      update: (position, callback) => contender.commit(token(position), contents[position], callback),
      insert: (position, callback) => contender.commit(token(position), contents[position], callback),
      delete: (position, callback) => contender.delete(token(position), callback),
    };
    return driveCallbacks(this.#count, this.#inFlight, calls[operation]);
  }
}

/** Repeats passes of the operations in turn for at least `ms` of each, and gives operations per second. */
async function rates(
  workload: Workload,
  operations: Operation[],
  ms: number,
): Promise<Partial<OperationsResult>> {
  const elapsed = operations.map(() => 0);
  let passes = 0;
  collectGarbage();
  while (Math.min(...elapsed) < ms) {
    for (const [i, operation] of operations.entries())
      elapsed[i] = (elapsed[i] ?? 0) + (await workload.pass(operation));
    passes++;
  }
  return Object.fromEntries(
    operations.map((operation, i) => [operation, (passes * 1000) / (elapsed[i] ?? 0)]),
  );
}

await answer<OperationsRequest, OperationsResult>(async (request) => {
  const { measureMs, sessions } = request;
  const expiry = new Date(Date.now() + 86_400_000);
  const contender = await findContender(request.contender).open(expiry);
  const workload = new Workload(contender, expiry, request);
  const result: OperationsResult = {};
  const groups: Operation[][] = [["insert", "delete"], ["find"], ["miss"], ["update"]];
  for (const operations of groups) {
    try {
      if (operations[0] === "find") await workload.pass("insert");
      for (const operation of operations) {
        await workload.pass(operation);
        await workload.verify(operation);
      }
      await rates(workload, operations, measureMs / 3); // compiles what the clock shall find compiled
      const measured = await rates(workload, operations, measureMs);
      await workload.verify(operations.at(-1) as Operation);
      for (const operation of operations) result[operation] = (measured[operation] as number) * sessions;
    } catch (error) {
      for (const operation of operations)
        result[operation] = error instanceof Error ? error.message : String(error);
    }
  }
  await contender.close();
  return result;
});
