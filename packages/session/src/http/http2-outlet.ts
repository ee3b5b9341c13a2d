import type { ServerResponse } from "node:http";
import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import type { Writable } from "node:stream";
import type { Outlet } from "./outlet.js";
import { ERROR_PAGE, setErrorHead, setErrorHeaders, setHeaders, type TokenHeader } from "./response-head.js";
import { type GateKeeper, WriteGate } from "./write-gate.js";

interface Http2Response extends ServerResponse {
  stream: ServerHttp2Stream;
}

/** The native handle of a stream, which sends its head. */
interface Handle {
  respond(...args: unknown[]): number;
}

/** Recognizes a response of the compatibility layer of `node:http2`. */
export function isHttp2(res: ServerResponse): res is Http2Response {
  return typeof (res as Partial<Http2Response>).stream?.respond === "function";
}

/**
 * Holds a response of `node:http2` back at its stream. Node.js checks, counts bytes, ends and validates as usual; head and
 * body wait, and a cookie is inserted into the head.
 */
export class Http2Outlet implements Outlet, GateKeeper {
  readonly countsAsSent = false; // node:http2 itself waits until its data is sent
  readonly #res: Http2Response;
  readonly #stream: ServerHttp2Stream;
  readonly #respond: ServerHttp2Stream["respond"];
  #isHolding = false;
  #isHeadOut: boolean;
  #head: { headers: OutgoingHttpHeaders; options: ServerStreamResponseOptions } | undefined;
  /** A call of `close` that came while the head was kept. */
  #closing: Parameters<ServerHttp2Stream["close"]> | undefined;
  /** Answers with a file after the save. Node.js reads the file below the stream, past the gate. */
  #sendFile: ((headers: readonly TokenHeader[]) => void) | undefined;

  constructor(res: Http2Response, onFirstByte: () => void) {
    const { stream } = res;
    const { respond } = stream;
    this.#res = res;
    this.#stream = stream;
    this.#respond = respond;
    this.#isHeadOut = stream.headersSent;
    stream.respond = (headers = {}, options = {}) => {
      onFirstByte();
      if (this.#isHolding) this.#keepHead(headers, options);
      else respond.call(stream, headers, options);
    };
    this.#respondBeforeData();
    const { close } = stream;
    stream.close = (...args) => {
      // Node.js would send the head first.
      if (this.#head !== undefined && !args[0]) this.#closing = args;
      else close.apply(stream, args);
    };
    for (const method of ["respondWithFile", "respondWithFD"] as const) {
      const send = stream[method] as (file: never, headers?: OutgoingHttpHeaders, options?: object) => void;
      stream[method] = (file: unknown, headers: OutgoingHttpHeaders = {}, options?: object) => {
        onFirstByte();
        const sendFile = (own: readonly TokenHeader[]) => {
          const head = { ...inLowerCase(headers) };
          setHeaders(head, own);
          send.call(stream, file as never, head, options);
        };
        if (this.#isHolding && this.#head === undefined) this.#sendFile = sendFile;
        else sendFile([]); // throws after a head
      };
    }
  }

  get keepsHead(): boolean {
    return this.#head !== undefined;
  }

  get isHeadOut(): boolean {
    return this.#isHeadOut;
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  isPeerGone(): boolean {
    const { aborted, closed, rstCode, session } = this.#stream;
    return aborted || (closed && rstCode !== constants.NGHTTP2_NO_ERROR) || session?.destroyed !== false;
  }

  hold(): void {
    this.#isHeadOut ||= this.#stream.headersSent;
    this.#isHolding = true;
    WriteGate.of(this.#stream).close(this);
  }

  release(headers: readonly TokenHeader[]): void {
    this.#sendHead((head) => setHeaders(head, headers));
    WriteGate.of(this.#stream).open();
    if (!this.isGone) this.#sendFile?.(headers);
    this.#sendFile = undefined;
    this.#close();
  }

  replace(headers: readonly TokenHeader[]): string | undefined {
    this.#sendFile = undefined;
    if (this.#head === undefined && !this.isGone) {
      this.release([]);
      setErrorHead(this.#res, headers);
      return ERROR_PAGE;
    }
    this.#res.statusCode = 500;
    this.#sendHead((head, options) => {
      setErrorHeaders(head, headers);
      head[":status"] = 500;
      options.endStream = false;
    });
    const isHead = this.#res.req.method === "HEAD";
    WriteGate.of(this.#stream).replace(isHead ? undefined : { chunk: ERROR_PAGE, encoding: "utf8" });
    this.#close();
    return undefined;
  }

  #close(): void {
    if (this.#closing !== undefined) this.#stream.close(...this.#closing);
    this.#closing = undefined;
  }

  cut(error: Error): void {
    WriteGate.of(this.#stream).cut(error);
  }

  /** Sends the head before the first data. Node.js would do so below the stream, past this outlet. */
  #respondBeforeData(): void {
    const stream = this.#stream as ServerHttp2Stream & Required<Pick<Writable, "_writev">>;
    const { _write, _writev } = stream;
    stream._write = (...args) => {
      if (this.#respondFirst()) stream._write(...args);
      else _write.apply(stream, args);
    };
    stream._writev = (...args) => {
      if (this.#respondFirst()) stream._writev(...args);
      else _writev.apply(stream, args);
    };
  }

  /** Returns whether it has sent a head, so that a gate may be closed now. */
  #respondFirst(): boolean {
    const stream = this.#stream;
    if (stream.headersSent || stream.destroyed) return false;
    stream.respond();
    return stream.headersSent;
  }

  /** Lets Node.js process a head without sending it. */
  #keepHead(headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions): void {
    const handle = handleOf(this.#stream);
    if (handle !== undefined) handle.respond = () => 0;
    try {
      this.#respond.call(this.#stream, headers, options);
      this.#head = { headers: inLowerCase(headers), options: { ...options } };
    } finally {
      if (handle !== undefined) delete (handle as Partial<Handle>).respond; // the original is in the prototype
    }
  }

  /** Sends the kept head, if any, changed by `change`. */
  #sendHead(change: (headers: OutgoingHttpHeaders, options: ServerStreamResponseOptions) => void): void {
    this.#isHolding = false;
    this.#isHeadOut = true;
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined || handleOf(this.#stream) === undefined) return;
    change(head.headers, head.options);
    // Node.js already treats the head as sent.
    const isNot = { value: false };
    const properties = {
      headersSent: isNot,
      closed: isNot,
      destroyed: isNot,
      end: { value: () => undefined },
    };
    this.#respond.call(Object.create(this.#stream, properties), head.headers, head.options);
  }
}

/** Returns headers with their names in lower case: the object itself if they are. */
function inLowerCase(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const names = Object.keys(headers);
  if (names.every((name) => name === name.toLowerCase())) return headers;
  const sensitive = Object.getOwnPropertySymbols(headers).map((key) => [key, Reflect.get(headers, key)]);
  return Object.fromEntries([...names.map((name) => [name.toLowerCase(), headers[name]]), ...sensitive]);
}

let handleKey: symbol | undefined;

/** Returns the native handle of a stream, whose name is not public. */
function handleOf(stream: ServerHttp2Stream): Handle | undefined {
  const fields = stream as unknown as Record<symbol, Partial<Handle> | undefined>;
  handleKey ??= Object.getOwnPropertySymbols(stream).find(
    (key) => typeof fields[key]?.respond === "function",
  );
  return handleKey === undefined ? undefined : (fields[handleKey] as Handle | undefined);
}
