declare namespace App {
  interface Locals {
    session: import("@scs/session").Session<import("./lib/sessions").Notes>;
  }
}
