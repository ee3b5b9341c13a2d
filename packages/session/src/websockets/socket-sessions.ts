import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { assertKnownOptions, assertWholeNumber } from "@scs/core/kit";
import { type Session, stateOf } from "../session.js";
import { reportTo, requestsOf, type SessionManager } from "../session-manager.js";
import { ConnectionWatch } from "./connection-watch.js";
import { isOriginAllowed, refuseUpgrade } from "./upgrade-request.js";

/** Options of {@link SocketSessions}. */
export interface SocketSessionsOptions {
  /**
   * Time between two checks of all open connections in ms, at least 100. A connection whose session expires, or is
   * ended by another process, ends with the next check.
   *
   * @default 5_000
   */
  checkIntervalMs?: number;
  /**
   * Whether visitors without a session are refused. If `false`, they get an empty one, and nothing ends their
   * connection.
   *
   * @default true
   */
  required?: boolean;
  /**
   * Origins whose pages may connect besides those of the same host, such as "https://app.example.com"; "*" allows all.
   *
   * @default []
   */
  origins?: readonly string[];
}

/** Close code of a WebSocket whose session is over. The page may connect again if the visitor still has a session. */
export const SESSION_ENDED = 4401;

/** A connection of `ws`, as far as it is used. */
export interface WebSocketLike {
  close(code: number, reason: string): void;
  removeAllListeners(event: "message"): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** A server of `ws` with `noServer: true`, as far as it is used. */
export interface WebSocketServerLike<W extends WebSocketLike> {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    connected: (connection: W, request: IncomingMessage) => void,
  ): void;
  emit(event: "connection", connection: W, request: IncomingMessage): unknown;
}

/** A connection of Socket.IO, as far as it is used. */
export interface SocketIoSocket {
  request: IncomingMessage;
  // biome-ignore lint/suspicious/noExplicitAny: an app declares what its sockets hold
  data: any;
  conn: { close(): void };
  once(event: "disconnect", listener: () => void): unknown;
}

/**
 * Gives WebSockets of `ws` and Socket.IO sessions. Each connection has the session of its upgrade request, and ends
 * when that session is destroyed or revoked, expires or is renewed.
 *
 *     const sockets = new SocketSessions(sessions);
 *     server.on("upgrade", sockets.upgrade(new WebSocketServer({ noServer: true })));
 *     io.use(sockets.socketIo());
 *
 * A connection ends at once if this process ends the session; with the next check, at most `checkIntervalMs` later, if
 * another process does or the session expires. While the store fails, connections stay, and the manager's `onError` is
 * called.
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
   * Makes a listener for the `upgrade` event of an HTTP server. It passes connections on to a server of `ws`, in whose
   * `connection` event `sessions.get(request)` returns the session.
   *
   * Answers 401 to a visitor without a session, 403 to a page of another origin, 500 if the store fails.
   */
  upgrade<W extends WebSocketLike>(
    server: WebSocketServerLike<W>,
  ): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
    return async (request, socket, head) => {
      const ignore = (): void => undefined; // if the client is gone, `end` and `handleUpgrade` notice
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
   * Makes middleware for Socket.IO. It sets `socket.data.session` to the session of the connection, or refuses the
   * client with the message "401 Unauthorized", "403 Forbidden" or "500 Internal Server Error".
   */
  socketIo(): (socket: SocketIoSocket, next: (error?: Error) => void) => void {
    return async (socket, next) => {
      const session = await this.#open(socket.request);
      if (typeof session === "string") return next(new Error(session));
      socket.data.session = session;
      // Socket.IO's client connects again by itself, perhaps with a new token.
      const stop = this.#add(session, () => socket.conn.close());
      socket.once("disconnect", stop);
      next();
    };
  }

  /**
   * Closes a connection of `ws` with {@link SESSION_ENDED} when the session is over, and ignores its messages from then
   * on. For connections that {@link upgrade} did not accept.
   */
  follow(session: Session<T>, connection: WebSocketLike): void {
    const stop = this.#add(session, () => {
      // The client can go on sending until it completes the closing handshake, or `ws` gives up on it.
      connection.removeAllListeners("message");
      connection.close(SESSION_ENDED, "session ended");
    });
    connection.once("close", stop);
  }

  /**
   * Checks all connections now. For apps whose processes tell each other of log-outs.
   */
  check(): Promise<void> {
    return this.#watch.checkAll();
  }

  /** Stops the checks. Connections stay open. */
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
