import type { ServerResponse } from "node:http";
import { SessionError } from "../session-error.js";
import { addHeader, answer500, setHead } from "./response-head.js";

type Listener = (...args: unknown[]) => void;
type Method = "writeHead" | "flushHeaders" | "write" | "end";
type Passage = Record<Method, (...args: unknown[]) => unknown>;

/** What `node:http` keeps the head in that has left, or will next; `node:http2` does so otherwise. */
interface NodeResponse extends ServerResponse {
  _header?: string | null;
}

const isHeadHeld: unique symbol = Symbol("head held");

/** For responses that keep no `_header`. */
const headersSentWhileHeld: PropertyDescriptor & ThisType<ServerResponse & { [isHeadHeld]?: boolean }> = {
  configurable: true,
  get() {
    return this[isHeadHeld] === true || isHeadSent(this);
  },
};

function isHeadSent(res: ServerResponse): boolean {
  return Reflect.get(Object.getPrototypeOf(res), "headersSent", res);
}

/**
 * Lets the head count as sent, or no more: `headersSent` is true, and setting headers an error. It is node's own
 * field that says so, since a property more would make each response slow where Express has changed its prototype.
 */
function markHead(res: NodeResponse & { [isHeadHeld]?: boolean }, isHeld: boolean): void {
  if (Object.hasOwn(res, "_header")) {
    res._header = isHeld ? "held until the session is saved" : null;
    return;
  }
  if (res[isHeadHeld] === undefined) Object.defineProperty(res, "headersSent", headersSentWhileHeld);
  res[isHeadHeld] = isHeld;
}

/** How a session is saved before the response leaves. */
export interface Saving {
  /** Whether there is anything to save; if not, the response leaves at once. */
  readonly isDue: boolean;
  /** Whether there is anything to save that was not there when the head of the response left. */
  readonly isChanged: boolean;
  readonly responseHeader: string;
  /** Gives the response header that the client needs, if any. */
  save(): Promise<string | undefined>;
  /** Gives that by what is saved already. */
  take(): string | undefined;
  /** Is told when the head of the response leaves. */
  close(): void;
  report(error: Error): void;
}

/**
 * Holds the response back, from the first call that would send its head on, until the session is saved: what
 * the client's next request reads is there, and a cookie can still be set. If saving fails, a 500 takes the
 * place of what the app has answered. What the app changes in place while the body is on its way is saved before
 * the body ends; all other changes are errors then.
 *
 * What the app writes meanwhile is kept in order; `write` gives `false`, so that a stream that is piped waits.
 */
export function holdResponse(res: ServerResponse, saving: Saving): void {
  const held = new HeldResponse(res, saving);
  res.writeHead = function writeHead(...args: unknown[]) {
    return held.holdWriteHead(args) ? res : (held.passOn.writeHead.apply(res, args) as ServerResponse);
  } as ServerResponse["writeHead"];
  res.flushHeaders = function flushHeaders() {
    if (!held.hold("flushHeaders", [])) held.passOn.flushHeaders.apply(res, []);
  };
  res.write = function write(...args: unknown[]) {
    // Whoever waits for the response to drain after it failed would wait for ever.
    return held.hold("write", args) ? held.isFailed : held.passOn.write.apply(res, args);
  } as ServerResponse["write"];
  res.end = function end(...args: unknown[]) {
    return held.hold("end", args) ? res : held.passOn.end.apply(res, args);
  } as ServerResponse["end"];
}

class HeldResponse {
  readonly #res: ServerResponse;
  readonly #saving: Saving;
  /**
   * Other middleware may have put its own methods on the response, and may put more on top of these: each passes
   * on to what it found, and none is taken away again.
   */
  readonly passOn: Passage;
  #state: "waiting" | "holding" | "released" | "failed" = "waiting";
  /** Whether the head would have left without us: for the app, it has. What it still sets would come too late. */
  #isHeadHeld = false;
  readonly #held: [Method, unknown[]][] = [];
  /** Who came to wait for the response to drain while it was held. */
  #waiting: Set<Listener> | undefined;

  constructor(res: ServerResponse, saving: Saving) {
    this.#res = res;
    this.#saving = saving;
    const { writeHead, flushHeaders, write, end } = res;
    this.passOn = { writeHead, flushHeaders, write, end } as unknown as Passage;
  }

  get isFailed(): boolean {
    return this.#state === "failed";
  }

  get #isHeadSent(): boolean {
    return !this.#isHeadHeld && isHeadSent(this.#res);
  }

  /** Whether the call is not to be passed on, now or ever. */
  hold(method: Method, args: unknown[]): boolean {
    if (this.#state === "waiting") {
      if (this.#saving.isDue) this.#begin();
      else this.#release();
    } else if (this.#state === "released" && method === "end" && this.#saving.isChanged) this.#begin();
    if (this.#state === "released") return false;
    if (this.#state === "failed") refuse(args, new Error("the response was replaced by a 500"));
    else {
      this.#held.push([method, args]);
      if (method === "write") this.#noteWhoWaits();
    }
    return true;
  }

  holdWriteHead(args: unknown[]): boolean {
    if (this.#state === "released") return false;
    // Node asks for it, when what ends the response comes, and so does middleware that looks for node's `_header`.
    const isImplicit = args.length === 1 && args[0] === this.#res.statusCode;
    if (this.#state === "failed") return this.#isHeadSent || !isImplicit; // our 500 may be held by others below
    if (this.#isHeadHeld && isImplicit) return true;
    if (this.#isHeadHeld) throw headersSent();
    this.#held.push(["writeHead", setHead(this.#res, args)]); // throws for what writeHead would refuse
    this.#holdHead(); // no more: as in node, nothing leaves before the body or `flushHeaders`
    return true;
  }

  #holdHead(): void {
    if (!this.#isHeadHeld) markHead(this.#res, true);
    this.#isHeadHeld = true;
  }

  #letHeadGo(): void {
    if (this.#isHeadHeld) markHead(this.#res, false);
    this.#isHeadHeld = false;
  }

  #begin(): void {
    this.#state = "holding";
    if (!this.#isHeadSent) this.#holdHead();
    this.#saving
      .save()
      .then((header) => {
        this.#letHeadGo();
        if (header !== undefined && this.#isHeadSent) this.#saving.report(tooLate());
        else if (header !== undefined) addHeader(this.#res, this.#saving.responseHeader, header);
        this.#release();
      })
      .catch((error: Error) => this.#fail(error));
  }

  #release(): void {
    const res = this.#res;
    this.#state = "released";
    this.#letHeadGo();
    this.#saving.close();
    if (this.#held.length === 0) return;
    const called = new Set(this.#held.map(([method]) => method));
    let willDrain = false;
    for (let call = this.#held.shift(); call !== undefined; call = this.#held.shift()) {
      const [method, args] = call;
      if (this.passOn[method].apply(res, args) === false && method === "write") willDrain = true;
    }
    // Our write gave false, and the response, which took it all, will not say so.
    if (called.has("write") && !called.has("end") && !willDrain) this.#drain();
  }

  /**
   * Other middleware may take those who wait for itself, as compression does for the stream that it puts in between:
   * what the response emits does not reach them there.
   */
  #noteWhoWaits(): void {
    if (this.#waiting !== undefined) return;
    const waiting = new Set<Listener & { listener?: Listener }>();
    this.#waiting = waiting;
    const isHolding = () => this.#state === "holding";
    const res = this.#res;
    const { on, removeListener } = res;
    res.on = function (this: ServerResponse, event: string, listener: Listener) {
      if (event === "drain" && isHolding()) waiting.add(listener);
      return on.call(this, event, listener);
    } as ServerResponse["on"];
    res.removeListener = function (this: ServerResponse, event: string, listener: Listener) {
      // One that is for once waits as what calls it.
      for (const each of waiting) if (each === listener || each.listener === listener) waiting.delete(each);
      return removeListener.call(this, event, listener);
    } as ServerResponse["removeListener"];
    res.off = res.removeListener;
  }

  #drain(): void {
    const res = this.#res;
    const reached = new Set<unknown>(res.rawListeners("drain"));
    const others = [...(this.#waiting ?? [])].filter((listener) => !reached.has(listener));
    res.emit("drain");
    for (const listener of others) listener.call(res);
  }

  #fail(error: Error): void {
    const res = this.#res;
    this.#saving.report(error);
    this.#state = "released";
    this.#letHeadGo();
    this.#saving.close();
    if (this.#isHeadSent) res.destroy();
    else {
      // What was saved before it failed, such as a new token, the client must know all the same.
      const header = this.#saving.take();
      answer500(res, this.passOn.end, header && [this.#saving.responseHeader, header]);
    }
    this.#state = "failed"; // what the app still writes has nowhere to go
    const isWaiting = this.#held.some(([method]) => method === "write");
    for (const [, args] of this.#held.splice(0)) refuse(args, error);
    if (isWaiting) this.#drain();
  }
}

/** Tells the callback of a write that will not take place. */
function refuse(args: unknown[], error: Error): void {
  const callback = args.at(-1);
  if (typeof callback === "function") process.nextTick(callback, error);
}

/** The very error of node:http. */
function headersSent(): Error {
  const error = new Error("Cannot write headers after they are sent to the client");
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}

function tooLate(): SessionError {
  return new SessionError(
    "TOO_LATE",
    "a session's cookie could not be set, since the head of the response had left: begin, renew and destroy sessions before the first byte of the body",
  );
}
