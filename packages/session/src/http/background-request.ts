import { headerOf, type RequestHead } from "./http-request.js";

/** What a browser fetches for a page, by itself (Fetch Metadata Request Headers, `Sec-Fetch-Dest`). */
const PARTS_OF_A_PAGE: ReadonlySet<string> = new Set([
  ...["audio", "audioworklet", "font", "image", "manifest", "paintworklet", "script", "serviceworker"],
  ...["sharedworker", "style", "track", "video", "worker", "xslt"],
]);

/**
 * Whether nobody has asked for this request: a prefetch of a browser or of Next.js, or the file of a page. It is no use
 * of the session that would keep it alive.
 */
export function isBackgroundRequest(request: RequestHead): boolean {
  const destination = headerOf(request, "sec-fetch-dest");
  if (destination !== undefined && PARTS_OF_A_PAGE.has(destination)) return true;
  const purpose =
    headerOf(request, "sec-purpose") ?? headerOf(request, "purpose") ?? headerOf(request, "x-moz");
  return purpose?.includes("prefetch") === true || headerOf(request, "next-router-prefetch") !== undefined;
}
