/** The values of a session in the shop. */
export interface ShopSession {
  user: string;
  loggedInAt: string;
  /** Description of the device at log-in, for the list of devices. */
  device: string;
  /** Quantity of a product. Each product has its own key, because two tabs may fill the cart at the same time, and for one key the last change wins. */
  [product: `cart:${string}`]: number;
  /** A message that the next page shows once, and the name from a failed log-in. */
  flash: { kind: "good" | "bad"; text: string; name?: string };
}
