/** What the shop's page shows of each of a customer's sessions. */
export interface Device {
  handle: string;
  name: string;
  created: Date;
  lastSeen: Date;
  /** When it is logged out, if nobody uses it. */
  expiry: Date;
  isDeviceBound: boolean;
  isThis: boolean;
}

/** Says whether a device's session is of use on that device alone. */
export function boundTo({ isDeviceBound, isThis }: Device): string {
  return isDeviceBound ? `, bound to ${isThis ? "this" : "its"} device` : "";
}
