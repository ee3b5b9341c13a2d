/** What the shop's page shows of each of a customer's sessions. */
export interface Device {
  handle: string;
  name: string;
  created: Date;
  lastSeen: Date;
  /** When it is logged out, if nobody uses it. */
  expiry: Date;
  isThis: boolean;
}
