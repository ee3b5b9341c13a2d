import { createHash, timingSafeEqual } from "node:crypto";
import type { Session, SessionManager } from "@scs/session";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { findProduct } from "./catalogue.js";
import { addDeviceRoutes, deviceOf, devicesOf } from "./devices.js";
import { errorPage, type ShopView, shopPage } from "./pages.js";
import { addRaceRoutes } from "./race/race-routes.js";
import type { RaceTrack } from "./race/race-track.js";
import type { ShopSession } from "./shop-session.js";

const PASSWORD = createHash("sha256").update("demo").digest();
const MAX_OF_A_KIND = 99;

export interface AppOptions {
  sessions: SessionManager<ShopSession, string>;
  /** Description of the place where sessions are stored. */
  place: string;
  track: RaceTrack;
}

export function createApp({ sessions, place, track }: AppOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", "loopback"); // a local proxy may terminate https
  app.use(securityHeaders);
  app.use(express.urlencoded({ extended: false, limit: "10kb" }));
  app.use(sessions.middleware());

  app.get("/", async (req, res) => {
    const session = sessions.get(req);
    const view = { ...viewOf(session), place, devices: await devicesOf(sessions, session) };
    res.set("Cache-Control", "private, no-cache").send(shopPage(view, session.pop("flash")));
  });

  app.get("/me", (req, res) => {
    res.json(viewOf(sessions.get(req)));
  });

  app.post("/login", (req, res) => {
    const session = sessions.get(req);
    const { name, password } = formOf(req);
    if (name === "" || name.length > 40 || !isRight(password)) {
      session.set("flash", {
        kind: "bad",
        text: "That did not match. Any name will do; the password is “demo”.",
        name: name.slice(0, 40),
      });
    } else {
      session.renew(); // a token from before the log-in must be worthless after it
      session.set("user", name).set("loggedInAt", new Date().toISOString()).set("device", deviceOf(req));
      session.set("flash", { kind: "good", text: `Welcome, ${name}.` });
    }
    res.redirect(303, "/");
  });

  app.post("/logout", (req, res) => {
    const session = sessions.get(req);
    session.destroy();
    session.set("flash", { kind: "good", text: "You are logged out." }); // in a new session
    res.redirect(303, "/");
  });

  addDeviceRoutes(app, sessions);
  addRaceRoutes(app, track);

  app.post("/cart", (req, res) => {
    const session = sessions.get(req);
    const { product: id, quantity } = formOf(req);
    const product = findProduct(id);
    const change = quantity === "" ? 1 : Number(quantity);
    if (product === undefined || !Number.isInteger(change)) {
      session.set("flash", { kind: "bad", text: "The shop does not have that." });
    } else {
      const key = `cart:${product.id}` as const;
      const count = Math.min((session.get(key) ?? 0) + change, MAX_OF_A_KIND);
      if (count > 0) session.set(key, count);
      else session.delete(key);
      session.set("flash", { kind: "good", text: `${product.name}: ${Math.max(count, 0)} in your cart.` });
    }
    res.redirect(303, "/");
  });

  app.use((_req, res) => {
    res.status(404).send(errorPage(404, "There is no such page."));
  });

  app.use((error: Error & { status?: number }, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) return next(error);
    const status = error.status ?? 500;
    res
      .status(status)
      .send(errorPage(status, status < 500 ? "That request made no sense." : "That went wrong here."));
  });

  return app;
}

function viewOf(session: Session<ShopSession>): Omit<ShopView, "devices" | "place"> {
  return {
    user: session.get("user"),
    loggedInAt: session.get("loggedInAt"),
    cart: cartOf(session),
    sessionEnds: session.deadline.toISOString(),
  };
}

function cartOf(session: Session<ShopSession>): Record<string, number> {
  const products = [...session.keys()].flatMap((key): [string, number][] => {
    return isProduct(key) ? [[key.slice("cart:".length), session.get(key) ?? 0]] : [];
  });
  return Object.fromEntries(products);
}

function isProduct(key: string): key is `cart:${string}` {
  return key.startsWith("cart:");
}

/** Returns the fields of a form as trimmed strings. Missing and repeated fields are empty. */
function formOf(req: Request): Record<"name" | "password" | "product" | "quantity", string> {
  const body = (req.body ?? {}) as Record<string, unknown>;
  const field = (name: string): string => (typeof body[name] === "string" ? body[name].trim() : "");
  return {
    name: field("name"),
    password: field("password"),
    product: field("product"),
    quantity: field("quantity"),
  };
}

function isRight(password: string): boolean {
  return timingSafeEqual(createHash("sha256").update(password).digest(), PASSWORD);
}

function securityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.set({
    "Content-Security-Policy":
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
  });
  next();
}
