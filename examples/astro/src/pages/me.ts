import type { APIRoute } from "astro";
import { viewOf } from "../lib/view";

export const GET: APIRoute = async ({ locals }) => Response.json(await viewOf(locals.session));
