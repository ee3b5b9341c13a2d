import type { NextRequest } from "next/server";
import { touch } from "./lib/sessions";

export function proxy(request: NextRequest) {
  return touch(request);
}

// Only pages: files need no session, and a prefetch is no visit. Next.js hides its header from the proxy.
export const config = {
  matcher: [
    { source: "/((?!_next/|.*\\..*).*)", missing: [{ type: "header", key: "next-router-prefetch" }] },
  ],
};
