import { randomUUID } from "node:crypto";
import { serveStatic } from "@hono/node-server/serve-static";
import { honoSessions, type SessionVariables } from "@scs/session/hono";
import { Hono } from "hono";
import { html } from "hono/html";
import { type Notes, sessions } from "./sessions.js";
import { viewOf } from "./view.js";

export const app: Hono<{ Variables: SessionVariables<Notes> }> = new Hono();

// Before the sessions, because files need none.
app.use("/style.css", serveStatic({ root: "public" }));
app.use(honoSessions(sessions));

app.get("/", async (c) => {
  const { user, notes, devices } = await viewOf(c.var.session);
  return c.html(html`<!doctype html>
    <html lang="en">
      <head><title>Notes</title><link rel="stylesheet" href="/style.css" /></head>
      <body>
        <h1>Notes</h1>
        ${
          user === undefined
            ? html`<form method="post" action="/login">
                <label>Name <input name="name" required maxlength="40" /></label><button>Log in</button>
              </form>`
            : html`<p>Hello, ${user}.</p>
                <form method="post" action="/logout"><button>Log out</button></form>`
        }
        <ul aria-label="Notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>
        <form method="post" action="/notes">
          <label>Note <input name="text" required maxlength="200" /></label><button>Add</button>
        </form>
        <h2>Devices</h2>
        <ul aria-label="Devices">
          ${devices.map(
            ({ handle, name, isThis }) => html`<li>
              ${name}
              ${
                isThis
                  ? "(this one)"
                  : html`<form method="post" action="/devices">
                      <button name="handle" value="${handle}">Log out there</button>
                    </form>`
              }
            </li>`,
          )}
        </ul>
      </body>
    </html>`);
});

app.get("/me", async (c) => c.json(await viewOf(c.var.session)));

app.post("/login", async (c) => {
  const { name } = await c.req.parseBody();
  const { session } = c.var;
  if (typeof name !== "string" || name === "") return c.text("A name is needed.", 400);
  session.renew(); // makes a token from before the log-in invalid
  session.set("user", name.slice(0, 40)).set("device", c.req.header("user-agent") ?? "a device");
  return c.redirect("/", 303);
});

app.post("/notes", async (c) => {
  const { text } = await c.req.parseBody();
  if (typeof text !== "string" || text === "") return c.text("A text is needed.", 400);
  c.var.session.set(`note:${randomUUID()}`, text.slice(0, 200));
  return c.redirect("/", 303);
});

app.post("/logout", (c) => {
  c.var.session.destroy();
  return c.redirect("/", 303);
});

app.post("/devices", async (c) => {
  const { handle } = await c.req.parseBody();
  const { devices } = await viewOf(c.var.session);
  // The handle comes from the client: accept only those of the user's own devices.
  const device = devices.find((each) => each.handle === handle);
  if (device === undefined) return c.text("That device is not logged in.", 404);
  await sessions.revoke(device.handle);
  return c.redirect("/", 303);
});
