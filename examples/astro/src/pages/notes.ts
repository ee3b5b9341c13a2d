import type { APIRoute } from "astro";

export const POST: APIRoute = async ({ locals: { session }, request, redirect }) => {
  const text = (await request.formData()).get("text");
  if (typeof text !== "string" || text === "") return new Response("A text is needed.", { status: 400 });
  session.set(`note:${crypto.randomUUID()}`, text.slice(0, 200));
  return redirect("/", 303);
};
