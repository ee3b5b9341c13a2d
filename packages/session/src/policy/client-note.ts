import type { ClientNote } from "../codecs/session-meta.js";
import type { ClientDescription, ClientRequest, RequestHead } from "../http/http-request.js";

/** Describes the client of a request. */
export type ClientNoteOf = (request: RequestHead) => ClientNote | undefined;

/** Maximum length of a device and a location, because clients control the headers. */
const MAX_LENGTH = 128;

/** Wraps the app's `client` function so that it never fails, and returns only values that can be stored. */
export function clientNoteOf(
  client: ((request: ClientRequest) => ClientDescription | undefined) | undefined,
  onError: (error: Error) => void,
): ClientNoteOf | undefined {
  if (client === undefined) return undefined;
  return (request) => {
    try {
      const { device, location } = client(request as ClientRequest) ?? {};
      const note: ClientNote = {};
      if (typeof device === "string") note.device = shortened(device);
      if (typeof location === "string") note.location = shortened(location);
      return note;
    } catch (error) {
      onError(error as Error);
      return undefined;
    }
  };
}

function shortened(text: string): string {
  return text.slice(0, MAX_LENGTH).toWellFormed();
}
