import type { NextFetchEvent, NextRequest } from "next/server";
import { sessions, touch } from "./lib/sessions";
import { misuses } from "./misuses";

export async function proxy(request: NextRequest, event: NextFetchEvent) {
  if (request.nextUrl.pathname === "/misuses")
    return Response.json(await misuses(sessions, [request, event]));
  return touch(request);
}

// Only pages: files need no session, and a prefetch is no visit. Next.js hides its header from the proxy.
export const config = {
  matcher: [
    { source: "/((?!_next/|.*\\..*).*)", missing: [{ type: "header", key: "next-router-prefetch" }] },
  ],
};
