import type { APIRoute } from "astro";

export const POST: APIRoute = async ({ locals: { session }, request, redirect }) => {
  const name = (await request.formData()).get("name");
  if (typeof name !== "string" || name === "") return new Response("A name is needed.", { status: 400 });
  session.renew(); // makes a token from before the log-in invalid
  session.set("user", name.slice(0, 40)).set("device", request.headers.get("user-agent") ?? "a device");
  return redirect("/", 303);
};
