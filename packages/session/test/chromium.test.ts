import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { boundListeners, serveTls } from "./fixtures/bound-servers.js";
import { issueCertificate, type ServerIdentity } from "./fixtures/certificates.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import type { Values } from "./fixtures/running-app.js";

const executablePath = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (path) => path && existsSync(path),
);
const isPossible = executablePath !== undefined && hasCertutil();
if (!isPossible)
  console.warn("no Chromium, or no certutil (libnss3-tools): the binding is not tried in a browser");

const FEATURES =
  "DeviceBoundSessions,PersistDeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting";
const MINUTE_MS = 60_000;
const [SESSION, BOUND] = ["__Host-session", "__Host-session-bound"];

function hasCertutil(): boolean {
  try {
    execFileSync("certutil", ["-H"], { stdio: "ignore" });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT"; // other errors are exit codes of --help
  }
}

/** A visit of the user's browser to an app. */
interface Visit {
  origin: string;
  clock: MovingClock;
  page: Page;
  sessions: SessionManager<Values>;
  cookieOf(name: string): Promise<string | undefined>;
  /** Opens a path, and returns the text of the page. */
  textAt(path: string, page?: Page): Promise<string | null>;
  /** Logs in, and waits until the browser has bound the session. */
  logIn(): Promise<void>;
  /** Refreshes the cookie, as the browser does when it expires. */
  expireCookie(): Promise<void>;
}

describe.skipIf(!isPossible)("Chromium", { timeout: 300_000 }, () => {
  let home: string;
  let identity: ServerIdentity;
  let [user, thief]: (BrowserContext | undefined)[] = [];

  /** A new profile, because Chromium does not bind sessions of incognito windows. */
  async function open(name: string): Promise<BrowserContext> {
    const profile = join(home, name);
    mkdirSync(profile);
    const context = await chromium.launchPersistentContext(profile, {
      ...{ executablePath: executablePath as string, timeout: 0, env: { ...process.env, HOME: home } },
      args: [
        ...[
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--disable-background-networking",
          "--disable-sync",
        ],
        `--enable-features=${FEATURES}`,
        "--host-resolver-rules=MAP *.test 127.0.0.1",
      ],
    });
    context.setDefaultTimeout(0);
    return context;
  }

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "device-bound-"));
    identity = issueCertificate(home, ["node.test", "express.test", "hono.test", "other.test", "mail.test"]);
    user = await open("user");
    thief = await open("thief");
  }, 300_000);

  afterAll(async () => {
    await user?.close();
    await thief?.close();
    rmSync(home, { recursive: true, force: true });
  }, 300_000);

  /** The app in a framework, and the user's browser on it. Each has a site of its own: browsers limit signatures by site. */
  async function visit(
    framework: string,
    site: string,
    work: (visit: Visit) => Promise<void>,
  ): Promise<void> {
    const clock = new MovingClock();
    await using store = new RecordingStore(clock.now);
    const errors: Error[] = [];
    const sessions = new SessionManager<Values>({
      ...{ store, now: clock.now, onError: (error: Error) => errors.push(error), deviceBound: true },
      owner: (data: Values) => data.userId as string | undefined,
    });
    const listener = await boundListeners[framework]?.(sessions);
    await using server = await serveTls(identity, listener ?? (() => undefined));
    const origin = `https://${site}:${server.port}`;
    const browser = user as BrowserContext;
    const page = await browser.newPage();
    const cookieOf = async (name: string) =>
      (await browser.cookies(origin)).find((cookie) => cookie.name === name)?.value;
    const textAt = async (path: string, at: Page = page): Promise<string | null> => {
      await at.goto(`${origin}${path}`);
      return at.textContent("body");
    };
    await work({
      ...{ origin, clock, page, sessions, cookieOf, textAt },
      async logIn() {
        const isBound = new Promise((resolve) => sessions.on("bound", resolve));
        expect(await textAt("/login")).toBe("u1 none");
        await isBound;
        expect(await textAt("/"), "logged in").toBe("u1 bound");
      },
      async expireCookie() {
        clock.advance(5 * MINUTE_MS);
        await browser.clearCookies({ name: BOUND, domain: site });
      },
    });
    expect(errors).toEqual([]);
    await page.close();
  }

  it.each([
    ["node:http", "node.test"],
    ["Express", "express.test"],
    ["Hono", "hono.test"],
  ])(
    "with %s binds the session, refreshes it silently, stops a thief, and ends it at the log-out",
    (framework, site) =>
      visit(framework, site, async ({ origin, page, cookieOf, textAt, logIn, expireCookie }) => {
        await logIn();
        const first = await cookieOf(BOUND);
        expect(first).toMatch(/^[\w-]{43}$/);

        await expireCookie();
        expect(await textAt("/"), "refreshed").toBe("u1 bound");
        expect(await cookieOf(BOUND)).not.toBe(first);

        await expireCookie();
        const many = "Promise.all([1, 2, 3, 4].map(() => fetch('/cart').then((answer) => answer.text())))";
        expect(await page.evaluate(many), "at once").toEqual(Array.from({ length: 4 }, () => "u1 bound"));

        const stolen = await cookieOf(SESSION);
        await thief?.addCookies([
          {
            name: SESSION,
            value: stolen as string,
            url: origin,
            secure: true,
            httpOnly: true,
            sameSite: "Lax",
          },
        ]);
        const elsewhere = await (thief as BrowserContext).newPage();
        expect(await textAt("/", elsewhere), "stolen").toBe("nobody unproven");
        expect(await textAt("/"), "the user goes on").toBe("u1 bound");

        expect(await textAt("/logout")).toBe("nobody none");
        expect([await cookieOf(SESSION), await cookieOf(BOUND)]).toEqual([undefined, undefined]);
        expect(await textAt("/")).toBe("nobody none");
        expect(await textAt("/", elsewhere), "nor has the thief").toBe("nobody none");
        await elsewhere.close();
      }),
  );

  it("refreshes for a visitor who follows a link, with another challenge, and not after a revocation", () =>
    visit(
      "node:http",
      "other.test",
      async ({ origin, clock, page, sessions, textAt, logIn, expireCookie }) => {
        await logIn();
        await using mail = await serveTls(identity, (_, res) => {
          res.setHeader("content-type", "text/html").end(`<a href="${origin}/">a link in a letter</a>`);
        });
        await expireCookie();
        await page.goto(`https://mail.test:${mail.port}/`);
        await page.click("a");
        await page.waitForURL(`${origin}/`);
        expect(await page.textContent("body"), "by a link").toBe("u1 bound");

        clock.advance(120 * MINUTE_MS); // the browser's challenge has expired as well
        await expireCookie();
        expect(await textAt("/"), "by another challenge").toBe("u1 bound");

        await sessions.revokeAll("u1");
        expect(await textAt("/"), "revoked").toBe("nobody none");
        await expireCookie();
        expect(await textAt("/"), "and no more refreshed").toBe("nobody none");
      },
    ));
});
