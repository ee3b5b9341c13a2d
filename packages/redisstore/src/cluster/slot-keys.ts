import { KEYS_OF_SLOTS } from "../commands/scripts.js";
import { mayBeAnsweredLater } from "../connection/store-errors.js";
import type { Command, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";
import type { MatchingKeys } from "../scan.js";
import { keyOfSlot, keySlot, SLOTS } from "./key-slot.js";
import type { ClusterNode } from "./node.js";
import type { Router } from "./router.js";
import { SlotOwnership } from "./slot-ownership.js";

/** Number of keys after which a page ends. */
const PAGE_KEYS = "512";
/** No limit for GETKEYSINSLOT: a slot has about one in 16,384 of all keys. */
const ALL = "2147483647";
const MAX_ATTEMPTS = 50;

/** Keys, and the server that has them; no server for keys in a moving slot. */
export interface PageOfKeys {
  readonly keys: readonly string[];
  readonly node?: ClusterNode;
}

/** Returns the keys of all slots, page by page, each key once. Slots may move meanwhile. */
export async function* keysBySlot(router: Router, matching: MatchingKeys): AsyncGenerator<PageOfKeys, void> {
  let attempt = 1;
  for (let slot = 0; slot < SLOTS; ) {
    const node = await router.primaryOf(slot);
    const page = await readPage(node, slot, router.lastOfRange(slot), matching);
    if (page instanceof Error) {
      if (attempt++ === MAX_ATTEMPTS || !mayBeAnsweredLater(page)) throw page;
      await router.refresh(); // after a pause
      continue;
    }
    yield { keys: page.keys, node };
    for (const moving of page.moving) yield { keys: matching.of(await keysOfMovingSlot(router, moving)) };
    slot = page.next;
    attempt = 1;
  }
}

interface Page {
  /** Keys in the slots that the server has. */
  keys: string[];
  /** Slots of the page that the server does not have, or not completely. */
  moving: number[];
  /** First slot of the next page. */
  next: number;
}

/** Reads one page of a server's slots, from `first` to at most `last`. */
async function readPage(
  node: ClusterNode,
  first: number,
  last: number,
  matching: MatchingKeys,
): Promise<Page | Error> {
  const range = [String(first), String(last), PAGE_KEYS, matching.pattern];
  const [reply] = (await ask(node, [["EVAL", KEYS_OF_SLOTS, "0", ...range]])) as [Reply];
  if (reply instanceof Error) return reply;
  const [line, next, found] = reply as [Reply, number, Reply[]];
  const ownership = new SlotOwnership(String(line));
  const moving = ownership.othersBetween(first, next);
  if (moving.length > 1 && moving.length === next - first)
    return new Error("CLUSTERDOWN another node serves the sessions' slots"); // the map is outdated
  const keys = [...new Set(matching.of(found))].filter((key) => {
    const slot = keySlot(key);
    return first <= slot && slot < next && ownership.has(slot);
  });
  return { keys, moving, next };
}

async function ask(node: ClusterNode, commands: readonly Command[]): Promise<Reply[]> {
  try {
    if (!node.connection.isReady) await node.ready();
    return await node.connection.sendAll(commands);
  } catch (error) {
    return commands.map(() => error as Error);
  }
}

/**
 * Reads the keys of a slot from its node, and then, while the slot moves, from its next node: keys that have left the first
 * node have arrived there. Each read also asks for a key that does not exist: a node that has lost the slot, or is losing
 * it, redirects that command.
 */
async function keysOfMovingSlot(router: Router, slot: number): Promise<Reply[]> {
  const commands: Command[] = [
    ["CLUSTER", "GETKEYSINSLOT", String(slot), ALL],
    ["EXISTS", keyOfSlot(slot)],
  ];
  for (let attempt = 1; ; attempt++) {
    const [keys, probe] = (await ask(await router.primaryOf(slot), commands)) as [Reply, Reply];
    if (!(keys instanceof Error)) {
      if (!(probe instanceof Error)) return keys as Reply[];
      if (replyCode(probe) === "ASK") {
        const [arrived] = (await ask(router.nodeOf(probe), commands)) as [Reply];
        if (!(arrived instanceof Error)) return union(keys as Buffer[], arrived as Buffer[]);
      }
    }
    const error = [keys, probe].find((reply) => reply instanceof Error) as Error;
    if (attempt === MAX_ATTEMPTS || !mayBeAnsweredLater(error)) throw error;
    await router.refresh(); // after a pause
  }
}

function union(keys: readonly Buffer[], others: readonly Buffer[]): Buffer[] {
  return [...new Map([...keys, ...others].map((key) => [key.toString("latin1"), key])).values()];
}
