import { json } from "@sveltejs/kit";
import type { RequestHandler } from "./$types";

export const POST: RequestHandler = async ({ locals: { session } }) => {
  const seen = session.get("device");
  session.set("device", "as the nested request says");
  return json({ seen });
};
