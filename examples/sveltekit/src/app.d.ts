import type { Session } from "@scs/session";
import type { Notes } from "./lib/server/sessions";

declare global {
  namespace App {
    interface Locals {
      session: Session<Notes>;
    }
  }
}
