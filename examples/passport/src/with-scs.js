import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import session from "@scs/express-session";
import { PgStore } from "@scs/pgstore";
import flash from "connect-flash";
import { csrfSync } from "csrf-sync";
import express from "express";
import { Passport } from "passport";
import { Strategy } from "passport-local";

// A guest book: logged-in users may write. Users and entries are in memory, sessions in PostgreSQL.

const PASSWORD_BYTES = 32;

/** The users, by name. */
class Users {
  #users = new Map();

  add(name, password) {
    const salt = randomBytes(16);
    this.#users.set(name, { name, salt, hash: scryptSync(password, salt, PASSWORD_BYTES) });
  }

  find(name) {
    return this.#users.get(name);
  }

  /** Returns the user with this name and password, or `undefined`. */
  verify(name, password) {
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    const isRight = timingSafeEqual(user.hash, scryptSync(password, user.salt, PASSWORD_BYTES));
    return isRight ? user : undefined;
  }
}

function authentication(users) {
  const passport = new Passport();
  passport.use(
    new Strategy((name, password, done) => {
      const user = users.verify(name, password);
      if (user === undefined) done(null, false, { message: "Wrong name or password." });
      else done(null, user);
    }),
  );
  passport.serializeUser((user, done) => done(null, user.name));
  passport.deserializeUser((name, done) => done(null, users.find(name) ?? false));
  return passport;
}

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => escapes[character]);

function page(req, body) {
  const messages = ["error", "info"].flatMap((kind) =>
    req.flash(kind).map((text) => `<p class="${kind}">${escaped(text)}</p>`),
  );
  return `<!doctype html><title>Guest book</title>${messages.join("")}${body}`;
}

function form(req, action, fields) {
  const token = `<input type="hidden" name="csrf" value="${req.csrfToken()}">`;
  return `<form method="post" action="${action}">${token}${fields}</form>`;
}

function bookPage(req, entries) {
  const list = entries.map(({ name, text }) => `<li><b>${escaped(name)}</b> ${escaped(text)}</li>`);
  const write = form(req, "/entries", '<input name="text"><button>Write</button>');
  const logOut = form(req, "/logout", "<button>Log out</button>");
  const forms = req.isAuthenticated() ? `${write}${logOut}` : '<a href="/login">Log in</a>';
  const visits = `<p>You were here ${req.session.visits} times.</p>`;
  return page(req, `<h1>Guest book</h1><ul>${list.join("")}</ul>${visits}${forms}`);
}

function loginPage(req) {
  const name = '<input name="username" autocomplete="username">';
  const password = '<input name="password" type="password" autocomplete="current-password">';
  return page(req, form(req, "/login", `${name}${password}<button>Log in</button>`));
}

/** Creates the application. `pool` is a Pool of pg. */
export async function makeApp(pool, secret) {
  const users = new Users();
  users.add("ada", "lovelace");
  users.add("grace", "hopper");
  const entries = [];
  const passport = authentication(users);
  const { csrfSynchronisedProtection } = csrfSync({ getTokenFromRequest: (req) => req.body?.csrf });

  const store = new PgStore(pool);
  await store.createTable();

  const app = express();
  app.use(express.urlencoded());
  app.use(
    session({
      secret,
      store,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 7 * 24 * 60 * 60 * 1000, sameSite: "lax", secure: "auto" },
    }),
  );
  app.use(passport.session());
  app.use(flash());
  app.use(csrfSynchronisedProtection);

  app.get("/", (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    res.send(bookPage(req, entries));
  });

  app.get("/login", (req, res) => {
    res.send(loginPage(req));
  });

  const options = { failureRedirect: "/login", failureFlash: true, keepSessionInfo: true };
  app.post("/login", passport.authenticate("local", options), (req, res) => {
    req.flash("info", `Welcome, ${req.user.name}.`);
    res.redirect("/");
  });

  app.post("/logout", (req, res, next) => {
    req.logout((error) => {
      if (error) return next(error);
      req.flash("info", "You are logged out.");
      return res.redirect("/");
    });
  });

  app.post("/entries", (req, res) => {
    if (req.isAuthenticated()) entries.push({ name: req.user.name, text: req.body.text });
    else req.flash("error", "Log in first.");
    res.redirect("/");
  });

  app.use((error, req, res, _next) => {
    const status = error.statusCode ?? error.status ?? 500;
    res.status(status).send(page(req, `<p>${status === 403 ? "This form is too old." : "Sorry."}</p>`));
  });

  return app;
}
