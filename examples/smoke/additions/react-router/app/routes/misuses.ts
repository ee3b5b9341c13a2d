import { misuses } from "../../misuses";
import { sessions } from "../sessions.server";
import type { Route } from "./+types/misuses";

export const middleware: Route.MiddlewareFunction[] = [
  async (args, next) => Response.json(await misuses(sessions, [args, next])),
];

export const loader = () => null;
