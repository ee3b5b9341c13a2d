/** A session of a customer, as the page shows it. */
export interface Device {
  handle: string;
  name: string;
  created: Date;
  lastSeen: Date;
  /** Time at which the session ends if it is not used. */
  expiry: Date;
  isDeviceBound: boolean;
  isThis: boolean;
}

/** Returns a note if the session is bound to its device. */
export function boundTo({ isDeviceBound, isThis }: Device): string {
  return isDeviceBound ? `, bound to ${isThis ? "this" : "its"} device` : "";
}
