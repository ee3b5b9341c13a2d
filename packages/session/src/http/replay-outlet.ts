import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Outlet } from "./outlet.js";
import { addHeaders, ERROR_PAGE, setErrorHead, type TokenHeader } from "./response-head.js";

const METHODS = ["writeHead", "flushHeaders", "write", "end"] as const;
type Method = (typeof METHODS)[number];
type Passage = Record<Method, (...args: unknown[]) => unknown>;

/** Private state of a response that imitates one of `node:http`. */
interface NodeLike extends ServerResponse {
  _header?: string | null;
  finished: boolean;
}

/**
 * Holds back a response without a network, for example of Fastify's `inject`: stores the calls, and makes them on
 * release.
 */
export class ReplayOutlet implements Outlet {
  readonly #res: NodeLike;
  readonly #passage: Passage;
  #isHolding = false;
  #isHeadOut: boolean;
  #isReplaced = false;
  #kept: [Method, unknown[]][] = [];
  #status: Pick<ServerResponse, "statusCode" | "statusMessage"> | undefined;

  constructor(response: ServerResponse, onFirstByte: () => void) {
    const res = response as NodeLike;
    this.#res = res;
    this.#isHeadOut = res.headersSent === true;
    const { writeHead, flushHeaders, write, end } = res;
    this.#passage = { writeHead, flushHeaders, write, end } as unknown as Passage;
    for (const method of METHODS) {
      const call = (...args: unknown[]) => {
        if (!this.#isHolding) onFirstByte();
        if (this.#isReplaced) return method === "write" ? true : res;
        if (!this.#isHolding) return this.#passage[method].apply(res, args);
        if (!res.finished) this.#keep(method, args);
        return method === "write" ? false : res;
      };
      Object.assign(res, { [method]: call });
    }
  }

  get isHeadOut(): boolean {
    return this.#isHeadOut;
  }

  get isGone(): boolean {
    return this.#res.destroyed === true;
  }

  hold(): void {
    const { statusCode, statusMessage } = this.#res;
    this.#isHeadOut ||= this.#res.headersSent === true;
    this.#isHolding = true;
    this.#status = { statusCode, statusMessage };
    if (this.#res._header === null) this.#res._header = "held"; // the headers count as sent, so setting one is an error
  }

  release(headers: readonly TokenHeader[]): void {
    this.#stopHolding();
    const { statusCode, statusMessage } = this.#status ?? this.#res;
    if (!this.#isHeadOut) Object.assign(this.#res, { statusCode, statusMessage });
    this.#isHeadOut = true;
    if (headers.length > 0) this.#addToHead(headers);
    const isWaiting = this.#kept.length > 0 && this.#kept.every(([method]) => method !== "end");
    for (const [method, args] of this.#kept.splice(0)) this.#passage[method].apply(this.#res, args);
    if (isWaiting) this.#res.emit?.("drain");
  }

  replace(headers: readonly TokenHeader[]): undefined {
    this.#stopHolding();
    this.#isHeadOut = true;
    this.#kept = [];
    setErrorHead(this.#res, headers);
    this.#passage.end.call(this.#res, ERROR_PAGE);
    this.#isReplaced = true;
  }

  cut(error: Error): void {
    this.#stopHolding();
    this.#kept = [];
    this.#res.destroy(error);
  }

  /** Merges the headers of `writeHead`, which would otherwise replace those set before. */
  #addToHead(own: readonly TokenHeader[]): void {
    const [first] = this.#kept;
    if (first?.[0] === "writeHead" && !first[1].some(Array.isArray)) {
      const [status, message, headers = typeof message === "string" ? {} : message] = first[1];
      const given = (headers ?? {}) as OutgoingHttpHeaders;
      for (const [name, value] of Object.entries(given))
        if (value !== undefined) this.#res.setHeader(name, value);
      first[1] = typeof message === "string" ? [status, message] : [status];
    }
    addHeaders(this.#res, own);
  }

  #keep(method: Method, args: unknown[]): void {
    this.#kept.push([method, args]);
    if (method === "end" && this.#res._header === "held") this.#res.finished = true;
  }

  #stopHolding(): void {
    this.#isHolding = false;
    if (this.#res._header !== "held") return;
    this.#res._header = null;
    this.#res.finished = false;
  }
}
