import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { assertKnownOptions, assertWholeNumber } from "@scs/core/kit";
import { type Session, stateOf } from "../session.js";
import { reportTo, requestsOf, type SessionManager } from "../session-manager.js";
import { ConnectionWatch } from "./connection-watch.js";
import { isOriginAllowed, refuseUpgrade } from "./upgrade-request.js";

/** Options of the sessions of WebSockets. */
export interface SocketSessionsOptions {
  /**
   * How often the store is asked whether the sessions of open connections are still there, in ms: within this time, a
   * connection ends whose session expired or was ended by another process. At least 100.
   *
   * @default 5_000
   */
  checkIntervalMs?: number;
  /**
   * `false` lets visitors without a session connect as well. They have an empty one, and nothing ends their connection.
   *
   * @default true
   */
  required?: boolean;
  /**
   * Origins, such as "https://app.example.com", whose pages may connect besides those of the same host; "*" for all.
   *
   * @default []
   */
  origins?: readonly string[];
}

/** The code that a WebSocket is closed with when its session is over: connect again, if the visitor still has one. */
export const SESSION_ENDED = 4401;

/** A connection of `ws`. */
export interface WebSocketLike {
  close(code: number, reason: string): void;
  removeAllListeners(event: "message"): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** A server of `ws`, with `noServer: true`. */
export interface WebSocketServerLike<W extends WebSocketLike> {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    connected: (connection: W, request: IncomingMessage) => void,
  ): void;
  emit(event: "connection", connection: W, request: IncomingMessage): unknown;
}

/** A connection of Socket.IO. */
export interface SocketIoSocket {
  request: IncomingMessage;
  // biome-ignore lint/suspicious/noExplicitAny: an app declares what its sockets hold
  data: any;
  conn: { close(): void };
  once(event: "disconnect", listener: () => void): unknown;
}

/**
 * Sessions of WebSockets, of `ws` and of Socket.IO: each connection has the session of its upgrade request, and ends when
 * that session is destroyed or revoked, expires, or gets a new token.
 *
 *     const sockets = new SocketSessions(sessions);
 *     server.on("upgrade", sockets.upgrade(new WebSocketServer({ noServer: true })));
 *     io.use(sockets.socketIo());
 *
 * At once, if this process ends the session; within `checkIntervalMs`, if another does, or time. While the store fails,
 * connections stay, and the manager's `onError` hears it.
 */
export class SocketSessions<T extends object = Record<string, unknown>, D = unknown> {
  readonly #sessions: SessionManager<T, D>;
  readonly #isRequired: boolean;
  readonly #origins: readonly string[];
  readonly #watch: ConnectionWatch<T, D>;

  /** @throws TypeError or RangeError for a wrong option. */
  constructor(sessions: SessionManager<T, D>, options: SocketSessionsOptions = {}) {
    assertKnownOptions("SocketSessions", options, ["checkIntervalMs", "required", "origins"]);
    const { checkIntervalMs = 5000, required = true, origins = [] } = options;
    assertWholeNumber("checkIntervalMs", checkIntervalMs, { min: 100 });
    if (typeof required !== "boolean") throw new TypeError("required must be true or false");
    if (!Array.isArray(origins))
      throw new TypeError('origins must be a list, such as ["https://example.com"]');
    this.#sessions = sessions;
    this.#isRequired = required;
    this.#origins = origins;
    this.#watch = new ConnectionWatch(sessions, checkIntervalMs, (error) => reportTo(sessions, error));
  }

  /** The number of open connections with a session. */
  get size(): number {
    return this.#watch.size;
  }

  /**
   * Makes a listener for the `upgrade` event of an HTTP server, which passes connections on to a server of `ws`. In its
   * `connection` event, `sessions.get(request)` is the session.
   *
   * Answers 401 to a visitor without a session, 403 to a page of another origin, 500 if the store fails.
   */
  upgrade<W extends WebSocketLike>(
    server: WebSocketServerLike<W>,
  ): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
    return async (request, socket, head) => {
      const ignore = (): void => undefined; // a client that is gone: `end` and `handleUpgrade` find out
      socket.on("error", ignore);
      const session = await this.#open(request);
      if (typeof session === "string") return refuseUpgrade(socket, session);
      socket.off("error", ignore);
      server.handleUpgrade(request, socket, head, (connection) => {
        this.follow(session, connection);
        server.emit("connection", connection, request);
      });
    };
  }

  /**
   * Makes middleware for Socket.IO. From there on, `socket.data.session` is the session of the connection. A client is
   * refused with the message "401 Unauthorized", "403 Forbidden" or "500 Internal Server Error".
   */
  socketIo(): (socket: SocketIoSocket, next: (error?: Error) => void) => void {
    return async (socket, next) => {
      const session = await this.#open(socket.request);
      if (typeof session === "string") return next(new Error(session));
      socket.data.session = session;
      // The client connects again, which decides: it may have a new token.
      const stop = this.#add(session, () => socket.conn.close());
      socket.once("disconnect", stop);
      next();
    };
  }

  /**
   * Closes a connection of `ws` with {@link SESSION_ENDED} when the session is over; messages that still come are not
   * heard any more. For connections that were accepted otherwise than by {@link upgrade}.
   */
  follow(session: Session<T>, connection: WebSocketLike): void {
    const stop = this.#add(session, () => {
      // Until the client completes the closing handshake, or `ws` gives up on it, it can go on sending.
      connection.removeAllListeners("message");
      connection.close(SESSION_ENDED, "session ended");
    });
    connection.once("close", stop);
  }

  /**
   * Asks the store about all connections now, and ends those whose session is over: for apps that hear of log-outs in
   * another process by a message.
   */
  check(): Promise<void> {
    return this.#watch.checkAll();
  }

  /** Ends the checks. Connections stay open. */
  [Symbol.dispose](): void {
    this.#watch.stop();
  }

  /** Loads the session of a request, or returns the HTTP status that refuses it. */
  async #open(request: IncomingMessage): Promise<Session<T> | string> {
    if (!isOriginAllowed(request, this.#origins)) return "403 Forbidden";
    try {
      const { session } = await requestsOf(this.#sessions).open(request);
      return this.#isRequired && !isStored(session) ? "401 Unauthorized" : session;
    } catch (error) {
      reportTo(this.#sessions, error as Error);
      return "500 Internal Server Error";
    }
  }

  #add(session: Session<T>, end: () => void): () => void {
    const { token } = session;
    return isStored(session) && token !== undefined ? this.#watch.add(token, end) : () => undefined;
  }
}

function isStored<T extends object>(session: Session<T>): boolean {
  return stateOf(session).stored !== undefined;
}
