import { fail, redirect } from "@sveltejs/kit";
import { sessions } from "../lib/server/sessions";
import { viewOf } from "../lib/server/view";
import type { Actions, PageServerLoad } from "./$types";

export const load: PageServerLoad = ({ locals }) => viewOf(locals.session);

export const actions: Actions = {
  login: async ({ locals: { session }, request }) => {
    const name = (await request.formData()).get("name");
    if (typeof name !== "string" || name === "") return fail(400);
    session.renew(); // makes a token from before the log-in invalid
    session.set("user", name.slice(0, 40)).set("device", request.headers.get("user-agent") ?? "a device");
    redirect(303, "/");
  },
  add: async ({ locals: { session }, request }) => {
    const text = (await request.formData()).get("text");
    if (typeof text !== "string" || text === "") return fail(400);
    session.set(`note:${crypto.randomUUID()}`, text.slice(0, 200));
    redirect(303, "/");
  },
  logout: async ({ locals: { session } }) => {
    session.destroy();
    redirect(303, "/");
  },
  device: async ({ locals: { session }, request }) => {
    const handle = (await request.formData()).get("handle");
    const { devices } = await viewOf(session);
    // The handle comes from the client: accept only those of the user's own devices.
    const device = devices.find((each) => each.handle === handle);
    if (device === undefined) return fail(404);
    await sessions.revoke(device.handle);
    redirect(303, "/");
  },
};
