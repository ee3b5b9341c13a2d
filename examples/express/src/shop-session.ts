/** What the shop keeps in a session. */
export interface ShopSession {
  user: string;
  loggedInAt: string;
  /** What the visitor logged in with, for the list of devices. */
  device: string;
  /** How many of a product. Each has a key of its own: two tabs may fill the cart at once, and of one key the last wins. */
  [product: `cart:${string}`]: number;
  /** A message for the next page, and that one alone; and the name of a log-in that failed. */
  flash: { kind: "good" | "bad"; text: string; name?: string };
}
