import type { Session, SessionManager } from "@scs/session";
import type { Express, Request } from "express";
import type { Device } from "./device.js";
import { devicesPage } from "./devices-page.js";
import type { ShopSession } from "./shop-session.js";

/** Describes the customer's browser and system, as far as the request tells. */
export function deviceOf(req: Request): string {
  const agent = req.get("user-agent") ?? "";
  const found = (names: Record<string, RegExp>): string | undefined =>
    Object.entries(names).find(([, pattern]) => pattern.test(agent))?.[0];
  const browser = found({
    Edge: /Edg\//,
    Firefox: /Firefox\//,
    Chrome: /Chrome\//,
    Safari: /Safari\//,
    curl: /^curl\//,
  });
  const system = found({
    ...{
      iPhone: /iPhone/,
      iPad: /iPad/,
      Android: /Android/,
      Windows: /Windows/,
      Mac: /Macintosh/,
      Linux: /Linux/,
    },
  });
  return `${browser ?? "A browser"}${system === undefined ? "" : ` on ${system}`}, ${req.ip ?? "address unknown"}`;
}

/** Lists the devices of a session's customer; empty for anonymous visitors. */
export async function devicesOf(
  sessions: SessionManager<ShopSession, string>,
  session: Session<ShopSession>,
): Promise<Device[]> {
  const user = session.get("user");
  if (user === undefined) return [];
  return (await sessions.list(user)).map(({ description: name, ...device }) => ({
    ...{ ...device, name, isThis: device.handle === session.handle },
  }));
}

/** Adds the page with a customer's devices, and the routes that log out one or all others. */
export function addDeviceRoutes(app: Express, sessions: SessionManager<ShopSession, string>): void {
  app.get("/devices", async (req, res) => {
    const session = sessions.get(req);
    const devices = await devicesOf(sessions, session);
    if (devices.length === 0) return res.redirect(303, "/");
    res.set("Cache-Control", "private, no-cache").send(devicesPage(devices, session.pop("flash")));
  });

  app.post("/devices/log-out", async (req, res) => {
    const session = sessions.get(req);
    const handle: unknown = (req.body as Record<string, unknown> | undefined)?.handle;
    // Accepts only handles from the customer's own list.
    const device = (await devicesOf(sessions, session)).find((each) => each.handle === handle);
    if (device === undefined || !(await sessions.revoke(device.handle))) {
      session.set("flash", { kind: "bad", text: "That device is not logged in." });
    } else session.set("flash", { kind: "good", text: `Logged out: ${device.name}.` });
    res.redirect(303, cameFrom(req));
  });

  app.post("/devices/log-out-others", async (req, res) => {
    const session = sessions.get(req);
    const user = session.get("user");
    if (user !== undefined) {
      const count = await sessions.revokeAll(user, { except: session });
      session.set("flash", { kind: "good", text: `Logged out everywhere else: ${count} other session(s).` });
    }
    res.redirect(303, cameFrom(req));
  });
}

/** Returns the page whose form was sent. */
function cameFrom(req: Request): "/devices" | "/" {
  return (req.body as Record<string, unknown> | undefined)?.from === "devices" ? "/devices" : "/";
}
