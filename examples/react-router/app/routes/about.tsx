import { sessionContext } from "../sessions.server";
import type { Route } from "./+types/about";

export function loader({ context }: Route.LoaderArgs) {
  return { user: context.get(sessionContext).get("user") };
}

export default function About({ loaderData: { user } }: Route.ComponentProps) {
  return <p>{`These are the notes of ${user ?? "nobody"}.`}</p>;
}
