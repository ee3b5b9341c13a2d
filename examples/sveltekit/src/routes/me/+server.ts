import { json } from "@sveltejs/kit";
import { viewOf } from "../../lib/server/view";
import type { RequestHandler } from "./$types";

export const GET: RequestHandler = async ({ locals }) => json(await viewOf(locals.session));
