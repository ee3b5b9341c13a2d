import { data, redirect } from "react-router";
import { sessionContext } from "../sessions.server";
import type { Route } from "./+types/login";

export async function action({ request, context }: Route.ActionArgs) {
  const name = (await request.formData()).get("name");
  if (typeof name !== "string" || name === "") throw data("A name is needed.", 400);
  const session = context.get(sessionContext);
  session.renew(); // makes a token from before the log-in invalid
  session.set("user", name.slice(0, 40)).set("device", request.headers.get("user-agent") ?? "a device");
  return redirect("/", 303);
}
