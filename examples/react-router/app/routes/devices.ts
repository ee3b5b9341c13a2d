import { data, redirect } from "react-router";
import { sessionContext, sessions } from "../sessions.server";
import { viewOf } from "../view.server";
import type { Route } from "./+types/devices";

export async function action({ request, context }: Route.ActionArgs) {
  const handle = (await request.formData()).get("handle");
  const { devices } = await viewOf(context.get(sessionContext));
  // The handle comes from the client: accept only those of the user's own devices.
  const device = devices.find((each) => each.handle === handle);
  if (device === undefined) throw data("That device is not logged in.", 404);
  await sessions.revoke(device.handle);
  return redirect("/", 303);
}
