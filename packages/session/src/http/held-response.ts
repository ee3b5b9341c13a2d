import type { ServerResponse } from "node:http";
import { errorOf } from "../error-reporter.js";
import { SessionError } from "../session-error.js";
import type { Outlet } from "./outlet.js";
import { outletOf } from "./outlet-of.js";
import type { TokenHeader } from "./response-head.js";
import { prepareToExtend } from "./unshared-class.js";

/** How a session is saved before the response leaves. */
export interface Saving {
  /** Whether there is anything to save; if not, the response leaves at once. */
  readonly isDue: boolean;
  /** Whether there is anything to save that was not there when the head of the response left. */
  readonly isChanged: boolean;
  readonly responseHeader: string;
  save(): Promise<void>;
  /** Returns the value of the response header that the client needs by what is saved, if any. */
  header(): string | undefined;
  /** Returns the headers that go with it. */
  moreHeaders?(): readonly TokenHeader[];
  /** Is told when that header is on its way, or can be no more. */
  told(): void;
  /** Is told when the head of the response leaves. */
  close(): void;
  report(error: Error): void;
}

const heldBy: unique symbol = Symbol("held response");
type Held = ServerResponse & { [heldBy]?: HeldResponse };
type Send = (this: ServerResponse, ...args: unknown[]) => unknown;

/**
 * Holds the response back, from its first byte on, until the session is saved: what the client's next request reads
 * is there, and a cookie can still be set. If saving fails, a 500 takes the place of what the app has answered. What
 * the app changes in place while the body is on its way is saved before the body ends; all other changes are errors
 * then.
 *
 * To the app, a held response is one on a slow network: sent, as far as its own calls and events tell.
 */
export function holdResponse(res: ServerResponse, saving: Saving): void {
  const held = res as Held;
  // Express changes the prototype of each response: looking for what is not there would be slow.
  if (Object.hasOwn(res, heldBy)) held[heldBy]?.add(saving);
  else {
    prepareToExtend(res);
    held[heldBy] = new HeldResponse(res, saving);
  }
}

/**
 * Answers with a 500, and saves the session, if `error` is what a call of the response was refused with that the session
 * waits for. Returns whether it is.
 */
export function answerRefused(res: ServerResponse, error: unknown): boolean {
  return (res as Held)[heldBy]?.answerRefused(error) === true;
}

class HeldResponse {
  readonly #res: ServerResponse;
  /** Of each manager that the request has passed. */
  readonly #savings: Saving[];
  readonly #outlet: Outlet;
  /** What the response had when it came: other middleware may have put its own there, and may put more on top. */
  readonly write: Send;
  readonly end: Send;
  #state: "waiting" | "holding" | "released" = "waiting";
  /** Why the error page is sent. */
  #failure: Error | undefined;
  /** What node refused a call with. */
  #refusal: unknown;
  /** Whether the app goes on with a response that has ended with the error page. */
  #isCutShort = false;

  constructor(res: ServerResponse, saving: Saving) {
    this.#res = res;
    this.#savings = [saving];
    this.#outlet = outletOf(res, () => this.#beforeFirstByte());
    this.write = res.write as Send;
    this.end = res.end as Send;
    res.write = write as ServerResponse["write"];
    res.end = end as ServerResponse["end"];
  }

  add(saving: Saving): void {
    this.#savings.push(saving);
    if (this.#state === "released" && !this.#isCutShort) this.#state = "waiting";
  }

  /** Passes a call of `write` or `end` on, with what is to be done before it. */
  pass(method: "write" | "end", args: unknown[]): unknown {
    // To a client that is gone, node sends nothing, and would not come to the first byte.
    if (this.#state === "waiting" && this.#outlet.isGone) this.#beforeFirstByte();
    else if (this.#state === "released" && method === "end" && this.#failure === undefined)
      this.#beforeLastByte();
    if (this.#isCutShort) return this.#swallow(method, args);
    if (this.#state === "released") return this[method].apply(this.#res, args);
    this.#wrapCallback(args);
    try {
      return this[method].apply(this.#res, args);
    } catch (error) {
      this.#refusal = error;
      throw error;
    }
  }

  answerRefused(error: unknown): boolean {
    if (error === undefined || error !== this.#refusal || this.#state === "released") return false;
    const due = this.#savings.filter(isDue);
    if (this.#state === "waiting" && due.length === 0) return false;
    this.#failure = error as Error;
    this.#savings[0]?.report(this.#failure);
    if (this.#state === "waiting") this.#hold(due);
    return true;
  }

  #beforeFirstByte(): void {
    if (this.#state !== "waiting") return;
    const due = this.#savings.filter(isDue);
    if (due.length > 0) this.#hold(due);
    else this.#close();
  }

  #beforeLastByte(): void {
    const due = this.#savings.filter((saving) => saving.isChanged);
    if (due.length > 0) this.#hold(due);
  }

  #hold(due: Saving[]): void {
    this.#state = "holding";
    this.#outlet.hold();
    this.#saveAll(due).catch((error: Error) => {
      this.#savings[0]?.report(error);
      this.#outlet.cut(error);
    });
  }

  async #saveAll(due: Saving[]): Promise<void> {
    const outcomes = due.map(trySave);
    const [only] = outcomes;
    // Of one manager, as nearly always: Promise.all costs more than the rest of this.
    this.#conclude(only !== undefined && outcomes.length === 1 ? [await only] : await Promise.all(outcomes));
  }

  #conclude(outcomes: Outcome[]): void {
    const headers: TokenHeader[] = [];
    for (const { saving, header, more, error } of outcomes) {
      if (header !== undefined) headers.push([saving.responseHeader, header], ...more);
      if (header !== undefined && this.#outlet.isHeadOut) saving.report(tooLate());
      if (error !== undefined) saving.report(error);
      this.#failure ??= error;
    }
    if (this.#failure === undefined) this.#outlet.release(this.#outlet.isHeadOut ? [] : headers);
    else if (this.#outlet.isHeadOut) this.#outlet.cut(this.#failure);
    else this.#replace(headers);
    for (const { saving } of outcomes) saving.told();
    this.#close();
  }

  #replace(headers: TokenHeader[]): void {
    const res = this.#res;
    const isAwaited = res.writableNeedDrain;
    const isEnded = res.writableEnded;
    const page = this.#outlet.replace(headers);
    if (isEnded) return;
    this.end.call(res, page);
    this.#isCutShort = true;
    if (isAwaited) res.emit("drain"); // whoever waits for it would wait for ever
  }

  #close(): void {
    this.#state = "released";
    for (const saving of this.#savings) saving.close();
  }

  /** Takes what an app writes after the error page. */
  #swallow(method: "write" | "end", args: unknown[]): unknown {
    const callback = args.at(-1);
    if (typeof callback === "function") process.nextTick(callback, replaced());
    return method === "write" ? true : this.#res;
  }

  /** Lets the app know that the error page was sent in place of what it has written. */
  #wrapCallback(args: unknown[]): void {
    const callback = args.at(-1);
    if (typeof callback !== "function") return;
    args[args.length - 1] = (error?: Error | null) => callback(error ?? this.#failure);
  }
}

function write(this: Held, ...args: unknown[]): unknown {
  return this[heldBy]?.pass("write", args);
}

function end(this: Held, ...args: unknown[]): unknown {
  return this[heldBy]?.pass("end", args);
}

/** A session that cannot tell is for its save to fail at. */
function isDue(saving: Saving): boolean {
  try {
    return saving.isDue;
  } catch {
    return true;
  }
}

interface Outcome {
  saving: Saving;
  header: string | undefined;
  more: readonly TokenHeader[];
  error: Error | undefined;
}

async function trySave(saving: Saving): Promise<Outcome> {
  try {
    await saving.save();
    return outcomeOf(saving, undefined);
  } catch (thrown) {
    return outcomeOf(saving, errorOf(thrown, "saving a session failed"));
  }
}

/** What was saved before a save failed, such as a new token, the client must know all the same. */
function outcomeOf(saving: Saving, error: Error | undefined): Outcome {
  try {
    const header = saving.header();
    return { saving, header, more: header === undefined ? [] : (saving.moreHeaders?.() ?? []), error };
  } catch (thrown) {
    return {
      saving,
      header: undefined,
      more: [],
      error: error ?? errorOf(thrown, "saving a session failed"),
    };
  }
}

function replaced(): Error {
  return new Error("the response was replaced by a 500");
}

function tooLate(): SessionError {
  return new SessionError(
    "TOO_LATE",
    "a session's cookie could not be set, since the head of the response had left: begin, renew and destroy sessions before the first byte of the body",
  );
}
