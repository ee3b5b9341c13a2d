import type { TokenHeader } from "./response-head.js";

/** Where the bytes of a response leave: they can be kept back there, or be replaced. */
export interface Outlet {
  /** Whether the head has left: nothing can be added to it. */
  readonly isHeadOut: boolean;
  /** Whether the client is gone: no byte will be sent, whatever the app writes. */
  readonly isGone: boolean;
  /** Keeps back what the app sends from now on. */
  hold(): void;
  /** Lets go what was kept back, with these headers. */
  release(headers: readonly TokenHeader[]): void;
  /**
   * Sends the error page, with these headers, in place of what the app has sent and still sends.
   *
   * @returns the page, if it is left to the response's own `end`, since no head was kept
   */
  replace(headers: readonly TokenHeader[]): string | undefined;
  /** Cuts off a response whose head is out. */
  cut(error: Error): void;
}
