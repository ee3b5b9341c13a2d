import { randomUUID } from "node:crypto";
import { data, redirect } from "react-router";
import { sessionContext } from "../sessions.server";
import type { Route } from "./+types/notes";

export async function action({ request, context }: Route.ActionArgs) {
  const text = (await request.formData()).get("text");
  if (typeof text !== "string" || text === "") throw data("A text is needed.", 400);
  context.get(sessionContext).set(`note:${randomUUID()}`, text.slice(0, 200));
  return redirect("/", 303);
}
