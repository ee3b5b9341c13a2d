import { randomUUID } from "node:crypto";
import { change } from "../../lib/sessions";

export async function POST(request: Request) {
  const text = (await request.formData()).get("text");
  if (typeof text !== "string" || text === "") return new Response("A text is needed.", { status: 400 });
  await change((session) => session.set(`note:${randomUUID()}`, text.slice(0, 200)));
  return new Response(null, { status: 204 });
}
