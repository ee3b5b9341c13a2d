import type { ServerResponse } from "node:http";
import { errorOf } from "../error-reporter.js";
import { SessionError } from "../session-error.js";
import type { Outlet } from "./outlet.js";
import { outletOf } from "./outlet-of.js";
import type { TokenHeader } from "./response-head.js";
import { prepareToExtend } from "./unshared-class.js";

/** Saves a session before the response leaves. */
export interface Saving {
  /** Returns whether there is anything to save. If not, the response leaves at once. */
  readonly isDue: boolean;
  /** Returns whether there are changes since the head of the response left. */
  readonly isChanged: boolean;
  readonly responseHeader: string;
  save(): Promise<void>;
  /** Returns the response header that the client needs after the save, if any. */
  header(): string | undefined;
  /** Returns the headers that accompany it. */
  moreHeaders?(): readonly (readonly [name: string, value: string])[];
  /** Called when that header has been sent, or can no longer be sent. */
  told(): void;
  /** Called when the head of the response leaves. */
  close(): void;
  report(error: Error): void;
}

const heldBy: unique symbol = Symbol("held response");
type Held = ServerResponse & { [heldBy]?: HeldResponse };
type Send = (this: ServerResponse, ...args: unknown[]) => unknown;

/**
 * Holds the whole response back until the session is saved, so that the client's next request reads the change, and a
 * cookie can still be set. If the save fails, a 500 replaces the app's answer. Saves changes in place during the body
 * before the body ends; all other changes are then errors.
 *
 * To the app, a held response looks like one on a slow network: by its calls and events, it is sent.
 */
export function holdResponse(res: ServerResponse, saving: Saving): void {
  const held = res as Held;
  // Express changes the prototype of each response, which makes looking up a missing property slow.
  if (Object.hasOwn(res, heldBy)) held[heldBy]?.add(saving);
  else {
    prepareToExtend(res);
    held[heldBy] = new HeldResponse(res, saving);
  }
}

/**
 * If `error` is the error with which Node.js rejected a call of a held response, answers with a 500 and saves the session.
 * Returns whether it is.
 */
export function answerRefused(res: ServerResponse, error: unknown): boolean {
  return (res as Held)[heldBy]?.answerRefused(error) === true;
}

class HeldResponse {
  readonly #res: ServerResponse;
  /** One per manager that has handled the request. */
  readonly #savings: Saving[];
  readonly #outlet: Outlet;
  /** The original methods of the response. Other middleware may have wrapped them before, and may wrap ours. */
  readonly write: Send;
  readonly end: Send;
  #state: "waiting" | "holding" | "released" = "waiting";
  /** The reason for the error page. */
  #failure: Error | undefined;
  /** The error with which Node.js rejected a call. */
  #refusal: unknown;
  /** Whether the app still writes after the error page. */
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

  /** Makes a call of `write` or `end`, after the necessary preparations. */
  pass(method: "write" | "end", args: unknown[]): unknown {
    // If the client is gone, Node.js sends nothing, so the first byte never comes.
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
    const saves = due.map(trySave);
    // The usual case of one manager avoids Promise.all, which costs more than the rest.
    this.#conclude(due, saves.length === 1 ? [await saves[0]] : await Promise.all(saves));
  }

  #conclude(due: Saving[], errors: (Error | undefined)[]): void {
    const headers: TokenHeader[] = [];
    for (const [at, saving] of due.entries()) {
      const failure = this.#addHeaders(headers, saving); // even after a failed save: an earlier one may have issued a new token
      const error = errors[at] ?? failure;
      if (error !== undefined) saving.report(error);
      this.#failure ??= error;
    }
    if (this.#failure === undefined) this.#outlet.release(this.#outlet.isHeadOut ? [] : headers);
    else if (this.#outlet.isHeadOut) this.#outlet.cut(this.#failure);
    else this.#replace(headers);
    for (const saving of due) saving.told();
    this.#close();
  }

  /** Adds the headers that the client needs. Returns the error, if any. */
  #addHeaders(headers: TokenHeader[], saving: Saving): Error | undefined {
    try {
      const header = saving.header();
      if (header === undefined) return undefined;
      headers.push([saving.responseHeader, header], ...(saving.moreHeaders?.() ?? []));
      if (this.#outlet.isHeadOut) saving.report(tooLate());
    } catch (thrown) {
      return failureOf(thrown);
    }
    return undefined;
  }

  #replace(headers: TokenHeader[]): void {
    const res = this.#res;
    const isAwaited = res.writableNeedDrain;
    const isEnded = res.writableEnded;
    const page = this.#outlet.replace(headers);
    if (isEnded) return;
    this.end.call(res, page);
    this.#isCutShort = true;
    if (isAwaited) res.emit("drain"); // otherwise a waiting writer would never continue
  }

  #close(): void {
    this.#state = "released";
    for (const saving of this.#savings) saving.close();
  }

  /** Discards writes of the app after the error page. */
  #swallow(method: "write" | "end", args: unknown[]): unknown {
    const callback = args.at(-1);
    if (typeof callback === "function") process.nextTick(callback, replaced());
    return method === "write" ? true : this.#res;
  }

  /** Tells the app that the error page has replaced its answer. */
  #wrapCallback(args: unknown[]): void {
    const callback = args.at(-1);
    if (typeof callback !== "function") return;
    args[args.length - 1] = (error?: Error | null) => callback(error ?? this.#failure ?? error);
  }
}

function write(this: Held, ...args: unknown[]): unknown {
  return this[heldBy]?.pass("write", args);
}

function end(this: Held, ...args: unknown[]): unknown {
  return this[heldBy]?.pass("end", args);
}

/** Returns true for a session that throws, because its save will report the error. */
function isDue(saving: Saving): boolean {
  try {
    return saving.isDue;
  } catch {
    return true;
  }
}

/** Saves a session. Resolves with the error, if any. */
function trySave(saving: Saving): Promise<Error | undefined> {
  return saving.save().then(nothing, failureOf);
}

const nothing = (): undefined => undefined;

function failureOf(thrown: unknown): Error {
  return errorOf(thrown, "saving a session failed");
}

function replaced(): Error {
  return new Error("the response was replaced by a 500");
}

function tooLate(): SessionError {
  return new SessionError(
    "TOO_LATE",
    "a session's cookie could not be set, because the headers were already sent: begin, renew and destroy sessions before the first byte of the body",
  );
}
