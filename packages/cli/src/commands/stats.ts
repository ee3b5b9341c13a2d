import { bytes, count, type Output, table } from "../output.js";
import { nameOf } from "../records.js";
import type { Target } from "../stores/target.js";

interface Tally {
  sessions: number;
  lists: number;
  sessionBytes: number;
  listBytes: number;
  largestBytes: number;
  endingWithinHour: number;
}

const HOUR_MS = 3_600_000;

/** Counts the records of a store by namespace. Records of other programs are counted as others. */
export async function stats({ store, name }: Target, output: Output): Promise<void> {
  const namespaces = new Map<string, Tally>();
  let [others, otherBytes] = [0, 0];
  const now = Date.now();
  for await (const { token, data, expiry } of store.entries()) {
    const { kind, namespace } = nameOf(token);
    if (kind === "other") {
      others++;
      otherBytes += data.length;
      continue;
    }
    const tally = namespaces.get(namespace) ?? newTally();
    namespaces.set(namespace, tally);
    if (kind === "list") {
      tally.lists++;
      tally.listBytes += data.length;
    } else {
      tally.sessions++;
      tally.sessionBytes += data.length;
      tally.largestBytes = Math.max(tally.largestBytes, data.length);
      if (expiry.getTime() - now <= HOUR_MS) tally.endingWithinHour++;
    }
  }
  const all = [...namespaces].sort(([a], [b]) => a.localeCompare(b));
  const sessions = all.reduce((sum, [, tally]) => sum + tally.sessions, 0);
  const result = {
    ...{ store: name, sessions, others, otherBytes },
    namespaces: all.map(([namespace, tally]) => ({ namespace, ...tally })),
  };
  await output.result(result, () => {
    const rows = all.map(([namespace, tally]) => [
      ...[namespace === "" ? "(none)" : namespace, count(tally.sessions), count(tally.lists)],
      ...[bytes(tally.sessionBytes), bytes(tally.sessionBytes / Math.max(tally.sessions, 1))],
      ...[bytes(tally.largestBytes), bytes(tally.listBytes), count(tally.endingWithinHour)],
    ]);
    const head = ["namespace", "sessions", "owners", "bytes", "average", "largest", "lists", "end in 1 h"];
    const rest = others === 0 ? "" : `\n${count(others)} records of other programs, ${bytes(otherBytes)}`;
    return `${name}: ${count(sessions)} sessions\n${all.length === 0 ? "" : table(head, rows)}${rest}`.trim();
  });
}

function newTally(): Tally {
  return { sessions: 0, lists: 0, sessionBytes: 0, listBytes: 0, largestBytes: 0, endingWithinHour: 0 };
}
