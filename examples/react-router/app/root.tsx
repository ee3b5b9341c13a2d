import { Links, Meta, Outlet, Scripts } from "react-router";
import { sessionMiddleware } from "./sessions.server";

export const middleware = [sessionMiddleware];

export const links = () => [{ rel: "stylesheet", href: "/style.css" }];

export default function Root() {
  return (
    <html lang="en">
      <head>
        <title>Notes</title>
        <Meta />
        <Links />
      </head>
      <body>
        <Outlet />
        <Scripts />
      </body>
    </html>
  );
}
