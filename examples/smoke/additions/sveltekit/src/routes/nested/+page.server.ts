import type { PageServerLoad } from "./$types";

/** Makes requests to the app itself, which share the session of the page's request. */
export const load: PageServerLoad = async ({ fetch, locals: { session } }) => {
  const before = session.get("device");
  session.set("device", "as the page says");
  const nested = (await (await fetch("/nested/device", { method: "POST" })).json()) as { seen: string };
  return { before, seen: nested.seen, after: session.get("device") };
};
