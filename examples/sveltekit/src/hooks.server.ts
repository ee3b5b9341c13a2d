import { svelteKitSessions } from "@scs/session/sveltekit";
import { sessions } from "./lib/server/sessions";

export const handle = svelteKitSessions(sessions);
