import type { NextRequest } from "next/server";
import { touch } from "./lib/sessions";

export function proxy(request: NextRequest) {
  return touch(request);
}

// Pages alone: files need no session.
export const config = { matcher: "/((?!_next/|.*\\..*).*)" };
