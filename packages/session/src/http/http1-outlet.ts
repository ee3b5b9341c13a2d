import type { ServerResponse } from "node:http";
import type { Outlet } from "./outlet.js";
import {
  addHeaders,
  addToHead,
  ERROR_PAGE,
  errorHead,
  setErrorHead,
  type TokenHeader,
} from "./response-head.js";
import { type GateKeeper, type Piece, WriteGate } from "./write-gate.js";

/** Private state of a response in `node:http`: the composed head, and whether it was passed to the socket. */
interface NodeResponse extends ServerResponse {
  _header: string | null;
  _headerSent: boolean;
  _closed: boolean;
  _send(data: unknown, encoding?: unknown, callback?: unknown, byteLength?: unknown): unknown;
  [outletOfResponse]?: Http1Outlet;
}

const outletOfResponse: unique symbol = Symbol("outlet");

/**
 * Holds a response of `node:http` back at its socket. Node.js composes the head, counts bytes, ends and validates as
 * usual; the bytes wait, and a cookie is inserted into their head.
 */
export class Http1Outlet implements Outlet, GateKeeper {
  readonly keepsHead = false; // the head is part of the first bytes
  readonly onFirstByte: () => void;
  /** The original `_send` of the response. */
  readonly send: NodeResponse["_send"];
  readonly #res: NodeResponse;
  #isHeadOut: boolean;
  #gate: WriteGate | undefined;
  /** The fate of bytes that have no socket yet, because their response waits for its turn. */
  #onGate: ((gate: WriteGate) => void) | undefined;

  constructor(response: ServerResponse, onFirstByte: () => void) {
    const res = response as NodeResponse;
    this.#res = res;
    this.#isHeadOut = res._headerSent;
    this.onFirstByte = onFirstByte;
    this.send = res._send;
    res[outletOfResponse] = this;
    res._send = send;
  }

  get isHeadOut(): boolean {
    return this.#isHeadOut;
  }

  get isGone(): boolean {
    return this.#res.destroyed;
  }

  get countsAsSent(): boolean {
    return this.#res.writableEnded;
  }

  isPeerGone(error: NodeJS.ErrnoException | null | undefined): boolean {
    return error?.syscall !== undefined; // a failed read or write of the connection
  }

  /** Marks the response as closed, as Node.js does, but still sends it: the client may only have stopped sending. */
  onPeerEnd(): void {
    const res = this.#res;
    if (res._closed) return;
    res.destroyed = true;
    res._closed = true;
    res.emit("close");
  }

  hold(): void {
    const { socket, _headerSent } = this.#res;
    this.#isHeadOut ||= _headerSent;
    // Sends the bytes before the hold: Node.js corks the writes of one tick.
    if (_headerSent) while (socket !== null && socket.writableCorked > 0) socket.uncork();
    this.#withGate((gate) => gate.close(this));
  }

  release(headers: readonly TokenHeader[]): void {
    const head = this.#res._header;
    this.#isHeadOut = true;
    if (headers.length === 0 || head === null) this.#withGate((gate) => gate.open());
    else {
      const changed = addToHead(head, headers);
      this.#setHead(changed, () => addHeaders(this.#res, headers));
      this.#withGate((gate) => gate.open((pieces) => replaceHead(pieces, head, changed)));
    }
  }

  replace(headers: readonly TokenHeader[]): string | undefined {
    const res = this.#res;
    const head = res._header;
    this.#isHeadOut = true;
    if (head === null) {
      setErrorHead(res, headers);
      this.#withGate((gate) => gate.open());
      return ERROR_PAGE;
    }
    const changed = errorHead(head, headers);
    res.statusCode = 500;
    res.statusMessage = "Internal Server Error";
    res.strictContentLength = false; // the error page has another length than the app's answer
    this.#setHead(changed, () => addHeaders(res, headers));
    const page = res.req.method === "HEAD" ? changed : changed + ERROR_PAGE;
    // Before the listener of Node.js, which begins the next response of the connection.
    res.prependOnceListener("finish", () => this.#gate?.open());
    this.#withGate((gate) => gate.replace({ chunk: page, encoding: "latin1" }));
    return undefined;
  }

  cut(error: Error): void {
    this.#withGate((gate) => gate.cut());
    this.#res.destroy(error);
  }

  /** Updates the response for loggers: status and headers as sent. */
  #setHead(head: string, addToHeaders: () => void): void {
    this.#res._header = null;
    addToHeaders();
    this.#res._header = head;
  }

  #withGate(act: (gate: WriteGate) => void): void {
    const { socket } = this.#res;
    if (socket !== null) this.#gate ??= WriteGate.of(socket);
    if (this.#gate !== undefined) {
      act(this.#gate);
      return;
    }
    if (this.#onGate === undefined) {
      this.#res.once("socket", (assigned) => {
        this.#gate = WriteGate.of(assigned);
        this.#onGate?.(this.#gate);
      });
    }
    this.#onGate = act;
  }
}

/** One function for all responses. A closure for each would keep responses alive beyond a minor garbage collection. */
function send(
  this: NodeResponse,
  data: unknown,
  encoding: unknown,
  callback: unknown,
  byteLength: unknown,
): unknown {
  const outlet = this[outletOfResponse] as Http1Outlet;
  outlet.onFirstByte();
  return outlet.send.call(this, data, encoding, callback, byteLength);
}

function replaceHead(pieces: Piece[], head: string, changed: string): boolean {
  for (const piece of pieces) {
    const { chunk } = piece;
    if (typeof chunk === "string" && chunk.startsWith(head)) piece.chunk = changed + chunk.slice(head.length);
    else if (isBuffer(chunk) && chunk.latin1Slice(0, head.length) === head) {
      // The app's own socket may not accept strings.
      piece.chunk = Buffer.concat([Buffer.from(changed, "latin1"), chunk.subarray(head.length)]);
    } else continue;
    return true;
  }
  return false;
}

const isBuffer = (chunk: unknown): chunk is Buffer & { latin1Slice(start: number, end: number): string } =>
  Buffer.isBuffer(chunk);
