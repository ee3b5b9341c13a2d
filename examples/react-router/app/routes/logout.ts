import { redirect } from "react-router";
import { sessionContext } from "../sessions.server";
import type { Route } from "./+types/logout";

export async function action({ context }: Route.ActionArgs) {
  context.get(sessionContext).destroy();
  throw redirect("/", 303);
}
