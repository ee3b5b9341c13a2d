import type { Command, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";
import type { MatchingKeys } from "../scan.js";
import { keyOfSlot, SLOTS } from "./key-slot.js";
import type { ClusterNode } from "./node.js";
import type { Router } from "./router.js";

/** Number of slots that are asked for in one write. */
const SLOTS_AT_ONCE = 128;
/** Number of keys of a page. */
const PAGE_KEYS = 256;
/** All keys of a slot: one in 16,384 of all. */
const ALL = "2147483647";
const MAX_ATTEMPTS = 50;

/** Gives the keys of all slots, each once, page by page. A slot may move meanwhile. */
export async function* keysBySlot(router: Router, matching: MatchingKeys): AsyncGenerator<string[], void> {
  for (let slot = 0; slot < SLOTS; ) {
    const node = await router.primaryOf(slot);
    let end = slot + 1;
    while (end < SLOTS && end - slot < SLOTS_AT_ONCE && (await router.primaryOf(end)) === node) end++;
    const slots = Array.from({ length: end - slot }, (_, index) => slot + index);
    const replies = await ask(node, slots);
    let page: string[] = [];
    for (const [index, each] of slots.entries()) {
      const [keys, probe] = [replies[2 * index] as Reply, replies[2 * index + 1] as Reply];
      const isWhole = !(keys instanceof Error || probe instanceof Error);
      page.push(...matching.of(isWhole ? (keys as Reply[]) : await keysOfMovingSlot(router, each)));
      if (page.length >= PAGE_KEYS) {
        yield page;
        page = [];
      }
    }
    yield page;
    slot = end;
  }
}

/**
 * For each slot its keys, and then a key that is nowhere. What comes of the second shows whether the node had the whole
 * slot at the time of the first: if it has lost it, or is losing it, it redirects.
 */
async function ask(node: ClusterNode, slots: readonly number[]): Promise<Reply[]> {
  if (!node.connection.isReady) await node.ready();
  return node.connection.sendAll(
    slots.flatMap((slot): Command[] => [
      ["CLUSTER", "GETKEYSINSLOT", String(slot), ALL],
      ["EXISTS", keyOfSlot(slot)],
    ]),
  );
}

/** Reads a slot from where it is, and while it moves also from where it goes: what is no longer here is there by then. */
async function keysOfMovingSlot(router: Router, slot: number): Promise<Reply[]> {
  for (let attempt = 1; ; attempt++) {
    const [keys, probe] = (await ask(await router.primaryOf(slot), [slot])) as [Reply, Reply];
    if (!(keys instanceof Error)) {
      if (!(probe instanceof Error)) return keys as Reply[];
      if (replyCode(probe) === "ASK") {
        const target = router.nodeOf(probe);
        const [arrived] = (await ask(target, [slot])) as [Reply];
        if (!(arrived instanceof Error)) return union(keys as Buffer[], arrived as Buffer[]);
      }
    }
    const error = [keys, probe].find((reply) => reply instanceof Error) as Error;
    if (attempt === MAX_ATTEMPTS) throw error;
    await router.refresh(); // after a pause
  }
}

function union(keys: readonly Buffer[], others: readonly Buffer[]): Buffer[] {
  return [...new Map([...keys, ...others].map((key) => [key.toString("latin1"), key])).values()];
}
