import type { Contender } from "../harness/contender.js";
import { indexOf } from "../harness/sessions.js";
import { type Elapsed, startWatch } from "../harness/stopwatch.js";
import type { Ledger } from "./ledger.js";
import { WrongAnswer } from "./outcome.js";

/** The result of a call that handles all sessions. */
export interface WholeCall extends Elapsed {
  /** Number of sessions that it listed or removed. */
  sessions: number;
}

/** Lists all sessions, timed, and checks that each was listed once. @throws WrongAnswer */
export async function listEntries(contender: Contender, ledger: Ledger): Promise<WholeCall> {
  const listed: unknown[] = [];
  const stop = startWatch();
  for await (const found of (await contender.entries?.()) ?? []) listed.push(found);
  const elapsed = stop();
  const seen = new Uint8Array(ledger.sessions);
  for (const found of listed) {
    const index = indexOf(contender.read(found));
    if (seen[index] !== 0)
      throw new WrongAnswer("a session was listed twice, or a session that does not exist");
    seen[index] = 1;
    ledger.check(index, found);
  }
  if (seen.includes(0)) throw new WrongAnswer("a session was not listed");
  return { sessions: ledger.sessions, ...elapsed };
}
