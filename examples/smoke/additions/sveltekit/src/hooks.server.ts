import { svelteKitSessions } from "@scs/session/sveltekit";
import type { Handle } from "@sveltejs/kit/hooks";
import { misuses } from "../misuses";
import { sessions } from "./lib/server/sessions";

const withSession = svelteKitSessions(sessions);

export const handle: Handle = async (input) =>
  input.event.url.pathname === "/misuses"
    ? Response.json(await misuses(sessions, [input]))
    : withSession(input);
