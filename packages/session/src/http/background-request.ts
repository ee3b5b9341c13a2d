import { headerOf, type RequestHead } from "./http-request.js";

/** Destinations of the files that a browser fetches for a page (Fetch Metadata Request Headers, `Sec-Fetch-Dest`). */
const PARTS_OF_A_PAGE: ReadonlySet<string> = new Set([
  ...["audio", "audioworklet", "font", "image", "manifest", "paintworklet", "script", "serviceworker"],
  ...["sharedworker", "style", "track", "video", "worker", "xslt"],
]);

/**
 * Returns whether a browser made a request without its user: a prefetch, also of Next.js, or a file for a page. Such
 * requests do not restart the idle timeout.
 */
export function isBackgroundRequest(request: RequestHead): boolean {
  const destination = headerOf(request, "sec-fetch-dest");
  if (destination !== undefined && PARTS_OF_A_PAGE.has(destination)) return true;
  const purpose =
    headerOf(request, "sec-purpose") ?? headerOf(request, "purpose") ?? headerOf(request, "x-moz");
  return purpose?.includes("prefetch") === true || headerOf(request, "next-router-prefetch") !== undefined;
}
