import { generateKeyPairSync, sign } from "node:crypto";
import { expect, it } from "vitest";
import { RunningShop } from "./running-shop.js";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");

/** Creates the proof with which a browser binds a session to its device. */
function proofOf(challenge: string): string {
  const jwk = publicKey.export({ format: "jwk" });
  const signed = `${encode({ typ: "dbsc+jwt", alg: "ES256", jwk })}.${encode({ jti: challenge })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

it("shows which session is bound to its device, behind an https proxy", async () => {
  const shop = await RunningShop.open("--port", "0");
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { "x-forwarded-proto": "https", cookie, ...(init.headers as Record<string, string>) };
    const response = await fetch(shop.address + path, { redirect: "manual", ...init, headers });
    for (const set of response.headers.getSetCookie()) {
      const [name = "", value = ""] = set.split(";")[0]?.split("=") ?? [];
      cookies.set(name, value);
    }
    return response;
  };
  try {
    const form = new URLSearchParams({ name: "Ada", password: "demo" });
    const login = await send("/login", { method: "POST", body: form });
    expect(await (await send("/")).text()).toMatch(/This device<\/span>/);
    const asked = login.headers.get("secure-session-registration") ?? "";
    const [, path = "", challenge = ""] = /path="([^"]+)";challenge="([^"]+)"/.exec(asked) ?? [];
    const headers = { "secure-session-response": proofOf(challenge) };
    expect((await send(path, { method: "POST", headers })).status).toBe(200);
    expect(await (await send("/")).text()).toContain("This device, bound to this device");
    const stolen = new Map(cookies);
    cookies.clear();
    cookies.set("session", stolen.get("session") as string);
    expect((await send("/")).status, "the session's cookie alone").toBe(307);
  } finally {
    await shop.stop();
  }
});
