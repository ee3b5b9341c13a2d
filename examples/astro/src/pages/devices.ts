import type { APIRoute } from "astro";
import { sessions } from "../lib/sessions";
import { viewOf } from "../lib/view";

export const POST: APIRoute = async ({ locals: { session }, request, redirect }) => {
  const handle = (await request.formData()).get("handle");
  const { devices } = await viewOf(session);
  // The handle comes from the client: accept only those of the user's own devices.
  const device = devices.find((each) => each.handle === handle);
  if (device === undefined) return new Response("That device is not logged in.", { status: 404 });
  await sessions.revoke(device.handle);
  return redirect("/", 303);
};
