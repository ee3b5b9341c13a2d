import { sessionContext } from "../sessions.server";
import { viewOf } from "../view.server";
import type { Route } from "./+types/me";

export async function loader({ context }: Route.LoaderArgs) {
  return Response.json(await viewOf(context.get(sessionContext)));
}
