import { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/** A piece that a stream passes to `_writev`, or to `_write` if there is only one. */
export interface Piece {
  chunk: unknown;
  encoding: BufferEncoding;
}

/** The methods with which a stream sends, documented in `node:stream` for implementers. */
interface Sender {
  _write(chunk: unknown, encoding: BufferEncoding, done: Done): void;
  _writev?(pieces: Piece[], done: Done): void;
  _final?(done: Done): void;
  destroy(error?: Error): Duplex;
}

/** The outlet that closed a gate. */
export interface GateKeeper {
  /** Whether held data counts as sent, as in the buffers of a network. */
  readonly countsAsSent: boolean;
  /** Whether a head is held elsewhere, which must leave before the stream is destroyed. */
  readonly keepsHead: boolean;
  /** Returns whether a stream is destroyed because the peer is gone, which held data would not reach. */
  isPeerGone(error: Error | null | undefined): boolean;
  /** Called when the peer stops sending, and often has gone. */
  onPeerEnd?(): void;
}

const gate: unique symbol = Symbol("write gate");
type Gated = Duplex & { [gate]?: WriteGate };

/**
 * Holds back the data of a stream. The stream itself works as over a slow network: it buffers, asks writers to wait, ends
 * and emits its events in the usual order.
 *
 * A stream keeps its open gate until the stream closes, because removing methods from an object makes it slow.
 */
export class WriteGate {
  /** Returns the gate of a stream. */
  static of(stream: Duplex): WriteGate {
    const gated = stream as Gated;
    gated[gate] ??= new WriteGate(stream);
    return gated[gate];
  }

  readonly #stream: Duplex;
  readonly #sender: Sender;
  #state: "open" | "closed" | "replacing" = "open";
  /** The waiting call; a stream makes one at a time. Without pieces, it ends the stream. */
  #kept: { pieces?: Piece[]; done: Done } | undefined;
  /** Changes the next pieces. Returns whether the change was possible. */
  #edit: ((pieces: Piece[]) => boolean) | undefined;
  #replacement: Piece | undefined;
  /** The error with which to destroy the stream after the held data is sent. */
  #destruction: [error: Error | undefined] | undefined;
  #keeper: GateKeeper | undefined;

  private constructor(stream: Duplex) {
    this.#stream = stream;
    const { _write, _writev, _final, destroy } = stream as unknown as Sender;
    this.#sender = { _write, destroy, ...(_writev && { _writev }), ...(_final && { _final }) };
    const gated = stream as unknown as Sender;
    gated._write = (chunk, encoding, done) => {
      if (this.#isPassable) _write.call(stream, chunk, encoding, done);
      else this.#pass([{ chunk, encoding }], done);
    };
    if (_writev) gated._writev = (pieces, done) => this.#pass(pieces, done);
    gated._final = (done) => this.#end(done);
    gated.destroy = (error) => this.#destroy(error);
    Object.defineProperties(stream, shadows);
    stream.once("end", () => {
      if (this.#state === "closed") this.#keeper?.onPeerEnd?.();
    });
  }

  /** Holds back all further data. */
  close(keeper: GateKeeper): void {
    this.#state = "closed";
    this.#edit = undefined;
    this.#keeper = keeper;
  }

  /** Sends the held data, changed by `edit` if given. */
  open(edit?: (pieces: Piece[]) => boolean): void {
    this.#state = "open";
    this.#edit = edit;
    this.#letGo();
  }

  /** Sends `piece`, if any, in place of the held data, and discards further data until the gate is opened. */
  replace(piece: Piece | undefined): void {
    this.#state = "replacing";
    this.#replacement = piece;
    this.#letGo();
  }

  /** Destroys the stream and the held data. */
  cut(error?: Error): void {
    this.#lose(error);
  }

  get #isPassable(): boolean {
    return this.#state === "open" && this.#edit === undefined;
  }

  #letGo(): void {
    const [kept, destruction] = [this.#kept, this.#destruction];
    this.#kept = this.#destruction = this.#keeper = undefined; // frees memory: a connection lives longer than its requests
    if (kept !== undefined) {
      // Deferred, because it may call listeners of the app.
      const done: Done = (error) => process.nextTick(kept.done, error);
      if (kept.pieces === undefined) this.#end(done);
      else this.#pass(kept.pieces, done);
    }
    if (destruction === undefined) return;
    process.nextTick(() => this.#sender.destroy.call(this.#stream, ...destruction)); // after all held data is sent
  }

  #pass(pieces: Piece[], done: Done): void {
    if (this.#state === "closed") this.#kept = { pieces, done };
    else if (this.#state === "replacing") this.#sendReplacement(done);
    else {
      if (this.#edit?.(pieces) === true) this.#edit = undefined;
      this.#send(pieces, done);
    }
  }

  #end(done: Done): void {
    const { _final } = this.#sender;
    const finish: Done = (error) => {
      if (error || _final === undefined) done(error);
      else _final.call(this.#stream, done);
    };
    if (this.#state === "closed") this.#kept = { done };
    else if (this.#state === "replacing") this.#sendReplacement(finish);
    else finish();
  }

  #sendReplacement(done: Done): void {
    const piece = this.#replacement;
    this.#replacement = undefined;
    if (piece === undefined) done();
    else this.#send([piece], done);
  }

  #send(pieces: Piece[], done: Done): void {
    const [piece] = pieces;
    if (pieces.length > 1) this.#sender._writev?.call(this.#stream, pieces, done);
    else if (piece !== undefined) this.#sender._write.call(this.#stream, piece.chunk, piece.encoding, done);
  }

  /** Sends the held data before the stream is destroyed, because a network would have delivered it. */
  #destroy(error?: Error): Duplex {
    const isNothingKept = this.#kept === undefined && this.#keeper?.keepsHead !== true;
    if (isNothingKept || this.#keeper?.isPeerGone(error)) this.#lose(error);
    else this.#destruction ??= [error];
    return this.#stream;
  }

  #lose(error?: Error): void {
    const kept = this.#kept;
    this.#kept = undefined;
    this.#state = "open";
    this.#destruction = undefined;
    this.#sender.destroy.call(this.#stream, error);
    kept?.done(error ?? new Error("the connection was closed"));
  }

  /** Whether the stream looks destroyed to the app. */
  get isToBeDestroyed(): boolean {
    return this.#destruction !== undefined;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get countsAsSent(): boolean {
    return this.#state === "closed" && this.#keeper?.countsAsSent === true;
  }
}

/** Shadows a getter of a stream. All streams share one getter, because one per stream would make each slow. */
function shadow(
  name: string,
  get: (this: Gated, own: (() => unknown) | undefined) => unknown,
): PropertyDescriptorMap {
  const { get: own, set } = Object.getOwnPropertyDescriptor(Duplex.prototype, name) ?? {};
  const descriptor: PropertyDescriptor & ThisType<Gated> = {
    configurable: true,
    get() {
      return get.call(this, own);
    },
    ...(set && { set }),
  };
  return { [name]: descriptor };
}

const shadows: PropertyDescriptorMap = {
  ...shadow("destroyed", function (own) {
    return this[gate]?.isToBeDestroyed === true || own?.call(this);
  }),
  ...shadow("writableLength", function (own) {
    return this[gate]?.countsAsSent === true ? 0 : own?.call(this);
  }),
  ...shadow("bytesWritten", function () {
    if (this[gate]?.isClosed === true) return (this as { _bytesDispatched?: number })._bytesDispatched;
    return Reflect.get(Object.getPrototypeOf(this), "bytesWritten", this);
  }),
};
