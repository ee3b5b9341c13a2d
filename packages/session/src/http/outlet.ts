import type { TokenHeader } from "./response-head.js";

/** The exit of a response's bytes, where they can be held back or replaced. */
export interface Outlet {
  /** Whether the head has left, so that no header can be added. */
  readonly isHeadOut: boolean;
  /** Whether the client is gone, so that no byte will be sent. */
  readonly isGone: boolean;
  /** Holds back all further bytes. */
  hold(): void;
  /** Sends the held bytes, with these headers. */
  release(headers: readonly TokenHeader[]): void;
  /**
   * Sends the error page, with these headers, in place of the app's answer.
   *
   * @returns the page, if the response's own `end` must send it because no head was held
   */
  replace(headers: readonly TokenHeader[]): string | undefined;
  /** Cuts off a response whose head has left. */
  cut(error: Error): void;
}
