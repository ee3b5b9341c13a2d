import { astroSessions } from "@scs/session/astro";
import type { MiddlewareHandler } from "astro";
import { misuses } from "../misuses";
import { sessions } from "./lib/sessions";

const withSession = astroSessions(sessions);

export const onRequest: MiddlewareHandler = async (context, next) =>
  context.url.pathname === "/misuses"
    ? Response.json(await misuses(sessions, [context, next]))
    : withSession(context, next);
