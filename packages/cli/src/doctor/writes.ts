import { randomUUID } from "node:crypto";
import type { FullStore } from "@scs/core";
import { type Finding, ok, problem, warning } from "./finding.js";

/** Maximum clock difference that is measured, in ms. */
const FAR_MS = 3_600_000;
const PRECISION_MS = 200;
/** Maximum harmless clock difference. A larger one makes sessions end noticeably early or late. */
const TOLERANCE_MS = 2_000;

/** Writes a test record, and checks compare-and-swap, touch and removal. */
export async function checkWrites(store: FullStore): Promise<Finding> {
  const point = "writes";
  const token = `@scs.doctor.${randomUUID()}`;
  const [one, two] = [Buffer.from("one"), Buffer.from("two")];
  const expiry = new Date(Date.now() + 2 * FAR_MS);
  const start = performance.now();
  try {
    const answers = [
      await store.replace(token, undefined, one, expiry),
      await store.replace(token, undefined, two, expiry),
      await store.replace(token, one, two, expiry),
      await store.touch(token, new Date(expiry.getTime() + 1000)),
      Buffer.from((await store.find(token))?.data ?? []).toString(),
    ];
    await store.delete(token);
    answers.push((await store.find(token)) === undefined);
    const ms = ((performance.now() - start) / 7).toFixed(1);
    if (answers.join() === "true,false,true,true,two,true") {
      return ok(point, `compare-and-swap, touch and removal work; ${ms} ms a call`);
    }
    return problem(point, `the store does not keep the contract: its answers were ${answers.join(", ")}`);
  } catch (error) {
    return problem(point, `a write has failed: ${messageOf(error)}`);
  }
}

/** Compares the store's clock with this machine's, by checking which test records count as live. */
export async function checkClock(store: FullStore): Promise<Finding> {
  const point = "clock";
  const token = `@scs.doctor.${randomUUID()}`;
  const isLiveAt = async (offset: number): Promise<boolean> => {
    await store.commit(token, new Uint8Array(1), new Date(Date.now() + offset));
    return (await store.find(token)) !== undefined;
  };
  try {
    let [low, high] = [-FAR_MS, FAR_MS];
    if (!(await isLiveAt(high)) || (await isLiveAt(low))) {
      return problem(point, "the clocks of the store and of this machine differ by more than an hour");
    }
    while (high - low > PRECISION_MS) {
      const middle = (low + high) / 2;
      if (await isLiveAt(middle)) high = middle;
      else low = middle;
    }
    await store.delete(token);
    const skew = (low + high) / 2;
    const text = `${(Math.abs(skew) / 1000).toFixed(1)} s ${skew > 0 ? "ahead of" : "behind"} this machine's`;
    if (Math.abs(skew) <= TOLERANCE_MS) return ok(point, "the store's and this machine's agree");
    return warning(
      point,
      `the store's clock is ${text}, and decides when sessions end; synchronize both by NTP`,
    );
  } catch (error) {
    return problem(point, `a write has failed: ${messageOf(error)}`);
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message;
}
