/** A reply of the server that says what it refuses begins with a code in capitals; no error of a driver's own does. */
const CODE = /^([A-Z][A-Z0-9]+)(?: |$)/;

/** Returns the code of an error with which the server has replied; `undefined` if it is the driver's or the network's. */
export function replyCode(error: Error): string | undefined {
  return CODE.exec(error.message)?.[1];
}
