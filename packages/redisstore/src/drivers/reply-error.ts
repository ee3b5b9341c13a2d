/** Matches the code in capitals with which every error of the server begins, and no error of a driver. */
const CODE = /^([A-Z][A-Z0-9]+)(?: |$)/;

/** Returns the code of the server's error; `undefined` for an error of the driver or the network. */
export function replyCode(error: Error): string | undefined {
  return CODE.exec(error.message)?.[1];
}
