import { inspect } from "node:util";
import type { InspectedSession } from "@scs/session";
import { confirmed } from "../confirmation.js";
import { CommandError, ExitCode } from "../exit-code.js";
import { bytes, count, type Output, pairs, table, time } from "../output.js";
import type { Target } from "../stores/target.js";

export interface ListOptions {
  owner?: string;
  limit?: number;
}

/** Default number of sessions in a table. */
const DEFAULT_LIMIT = 50;

/** Lists sessions, all or an owner's, as a table or as one line of JSON each. */
export async function list(target: Target, { owner, limit }: ListOptions, output: Output): Promise<void> {
  const max = limit ?? (output.isJson ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT);
  const shown: InspectedSession[] = [];
  let [found, hasMore] = [0, false];
  for await (const session of owner === undefined
    ? target.sessions.inspectAll()
    : sessionsOf(target, owner)) {
    if (found === max) {
      hasMore = true;
      break;
    }
    found++;
    if (output.isJson) await output.line(JSON.stringify(session));
    else shown.push(session);
  }
  if (output.isJson) return;
  const rows = shown.map((each) => [
    ...[each.handle, each.owner ?? (each.ownerHash === undefined ? undefined : "(by hash)")],
    ...[
      time(each.created),
      time(each.lastSeen),
      time(each.expiry),
      bytes(each.bytes),
      textOf(each.description),
    ],
  ]);
  const head = ["handle", "owner", "created", "last seen", "expires", "size", "description"];
  await output.line(shown.length === 0 ? "no sessions" : table(head, rows));
  if (hasMore) await output.line(`the first ${count(max)}; --limit shows more`);
}

async function* sessionsOf({ sessions }: Target, owner: string): AsyncGenerator<InspectedSession> {
  for (const { handle } of await sessions.list(owner)) {
    const found = await sessions.inspect(handle);
    if (found !== undefined) yield { ...found, owner };
  }
}

/** Shows one session, and its values on request. */
export async function show(
  target: Target,
  handle: string,
  hasValues: boolean,
  output: Output,
): Promise<void> {
  const found = await target.sessions.inspect(handle, { values: hasValues });
  if (found === undefined) throw notFound();
  await output.result(found, () => {
    const head = pairs([
      ["handle", found.handle],
      ["owner", found.owner ?? (found.ownerHash === undefined ? "nobody" : `(by hash) ${found.ownerHash}`)],
      ["description", textOf(found.description)],
      ["created", time(found.created)],
      ["last seen", time(found.lastSeen)],
      ["expires", time(found.expiry)],
      ["deadline", time(found.deadline)],
      ["size", bytes(found.bytes)],
    ]);
    return hasValues ? `${head}\n${inspect(found.values, { depth: 8, colors: process.stdout.isTTY })}` : head;
  });
}

/** Ends sessions by their handles. */
export async function revoke(
  { sessions }: Target,
  handles: readonly string[],
  isYes: boolean | undefined,
  output: Output,
): Promise<void> {
  await confirmed(`End ${handles.length === 1 ? "this session" : `${handles.length} sessions`}?`, isYes);
  let revoked = 0;
  for (const handle of handles) if (await sessions.revoke(handle)) revoked++;
  await output.result({ revoked }, () => `${count(revoked)} of ${handles.length} ended`);
  if (revoked < handles.length) throw notFound();
}

/** Ends all sessions of an owner. */
export async function revokeAll(
  { sessions, name }: Target,
  { owner, except }: { owner: string; except?: string },
  isYes: boolean | undefined,
  output: Output,
): Promise<void> {
  const live = await sessions.list(owner);
  if (except !== undefined && !live.some(({ handle }) => handle === except)) {
    throw new CommandError(
      "the handle of --except belongs to no session of the owner; nothing was ended",
      ExitCode.notFound,
    );
  }
  await confirmed(`End ${count(live.length)} sessions of ${JSON.stringify(owner)} in ${name}?`, isYes);
  const revoked = await sessions.revokeAll(owner, { except });
  await output.result({ revoked }, () => `${count(revoked)} sessions ended`);
  if (revoked === 0) throw new CommandError("the owner has no sessions here", ExitCode.notFound);
}

/** Removes expired records. */
export async function cleanup({ sessions }: Target, output: Output): Promise<void> {
  const removed = await sessions.gc();
  await output.result({ removed }, () => `${count(removed)} expired records removed`);
}

function notFound(): CommandError {
  return new CommandError(
    "there is no such session: it has ended, or the handle belongs to another store",
    ExitCode.notFound,
  );
}

function textOf(description: unknown): string | undefined {
  if (description === undefined || description === null) return undefined;
  return typeof description === "string" ? description : JSON.stringify(description);
}
