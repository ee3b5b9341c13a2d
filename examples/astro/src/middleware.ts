import { astroSessions } from "@scs/session/astro";
import { sessions } from "./lib/sessions";

export const onRequest = astroSessions(sessions);
