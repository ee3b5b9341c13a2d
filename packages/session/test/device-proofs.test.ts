import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Device, encode } from "./fixtures/device.js";
import { boundBrowser, type DeviceBoundApp, deviceBoundApp } from "./fixtures/device-bound-app.js";

/** A registration with one wrong part. */
type Forgery = (device: Device, challenge: string) => string;

const header = (device: Device): Record<string, unknown> => ({
  typ: "dbsc+jwt",
  alg: device.algorithm,
  jwk: device.jwk,
});
const withHeader =
  (change: (device: Device) => Record<string, unknown>): Forgery =>
  (device, challenge) =>
    device.jwt({ ...header(device), ...change(device) }, { jti: challenge });
const withPayload =
  (payload: (challenge: string) => unknown): Forgery =>
  (device, challenge) =>
    device.jwt(header(device), payload(challenge));
const withText =
  (change: (jwt: string) => string): Forgery =>
  (device, challenge) =>
    change(device.registration(challenge));
const flipped = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

function withCurve(namedCurve: string): Forgery {
  return (_, challenge) => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    const signed = `${encode({ typ: "dbsc+jwt", alg: "ES256", jwk: publicKey.export({ format: "jwk" }) })}.${encode({ jti: challenge })}`;
    const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  };
}

function withRsa(modulusLength: number, publicExponent = 0x10001): Forgery {
  return (_, challenge) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength, publicExponent });
    const signed = `${encode({ typ: "dbsc+jwt", alg: "RS256", jwk: publicKey.export({ format: "jwk" }) })}.${encode({ jti: challenge })}`;
    return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
  };
}

/** With public data in place of a key. */
const withHmac: Forgery = (device, challenge) => {
  const signed = `${encode({ ...header(device), alg: "HS256" })}.${encode({ jti: challenge })}`;
  const mac = createHmac("sha256", JSON.stringify(device.jwk)).update(signed).digest("base64url");
  return `${signed}.${mac}`;
};

const derSigned: Forgery = (_, challenge) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signed = `${encode({ typ: "dbsc+jwt", alg: "ES256", jwk: publicKey.export({ format: "jwk" }) })}.${encode({ jti: challenge })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), privateKey).toString("base64url")}`;
};

const forgeries: Record<string, Forgery> = {
  "no JWT at all": () => "",
  "a word": () => "bound",
  "two parts": withText((jwt) => jwt.split(".").slice(0, 2).join(".")),
  "four parts": withText((jwt) => `${jwt}.AAAA`),
  "an empty signature": withText((jwt) => `${jwt.split(".").slice(0, 2).join(".")}.`),
  "an empty header": withText((jwt) => `.${jwt.split(".").slice(1).join(".")}`),
  "an empty payload": withText((jwt) => jwt.replace(/\.[^.]+\./, "..")),
  "base64 with padding": withText((jwt) => `${jwt}==`),
  "the other base64": withText((jwt) => jwt.replaceAll("-", "+").replaceAll("_", "/").concat("+/")),
  "bits beyond the last byte": withText((jwt) => `${jwt.slice(0, -1)}${jwt.endsWith("A") ? "B" : "_"}`),
  "white space inside": withText((jwt) => jwt.replace(".", ". ")),
  "a header that is no JSON": (device, challenge) => device.jwt("{", { jti: challenge }),
  "a header that is no object": (device, challenge) => device.jwt("1", { jti: challenge }),
  "a header that is null": (device, challenge) => device.jwt("null", { jti: challenge }),
  "a header that is a list": (device, challenge) => device.jwt([header(device)], { jti: challenge }),
  "a header that is no UTF-8": (device, challenge) =>
    device.jwt(Buffer.from([0xff, 0xfe]), { jti: challenge }),
  "another type": withHeader(() => ({ typ: "JWT" })),
  "no type": withHeader(() => ({ typ: undefined })),
  "extensions that must be understood": withHeader(() => ({ crit: ["b64"], b64: false })),
  "no algorithm": withHeader(() => ({ alg: undefined })),
  "the algorithm none": withHeader(() => ({ alg: "none" })),
  "the algorithm none, and no signature": (device, challenge) =>
    `${encode({ ...header(device), alg: "none" })}.${encode({ jti: challenge })}.`,
  "an algorithm of another curve": withHeader(() => ({ alg: "ES384" })),
  "an algorithm of another padding": withHeader(() => ({ alg: "PS256" })),
  "the algorithm of another key": withHeader(({ algorithm }) => ({
    alg: algorithm === "ES256" ? "RS256" : "ES256",
  })),
  "an algorithm in other letters": withHeader(({ algorithm }) => ({ alg: algorithm.toLowerCase() })),
  "a list of algorithms": withHeader(({ algorithm }) => ({ alg: [algorithm] })),
  "a name of all objects as algorithm": withHeader(() => ({ alg: "constructor" })),
  "a secret that everybody knows": withHmac,
  "no key": withHeader(() => ({ jwk: undefined })),
  "a key that is null": withHeader(() => ({ jwk: null })),
  "a key that is text": withHeader(() => ({ jwk: "key" })),
  "a key of another type": withHeader(() => ({ jwk: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } })),
  "a secret as key": withHeader(() => ({ jwk: { kty: "oct", k: "A".repeat(43) } })),
  "a key on curve P-384": withCurve("P-384"),
  "a key on curve secp256k1": withCurve("secp256k1"),
  "a point that is not on the curve": withHeader(({ jwk }) => ({
    jwk: { ...jwk, kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) },
  })),
  "an RSA key of 1,024 bits": withRsa(1024),
  "an RSA key with the exponent 3": withRsa(2048, 3),
  "the key of somebody else": withHeader(({ algorithm }) => ({ jwk: new Device(algorithm).jwk })),
  "the signature of somebody else": (device, challenge) => {
    const signed = device.registration(challenge).split(".").slice(0, 2).join(".");
    return `${signed}.${new Device(device.algorithm).sign(signed).toString("base64url")}`;
  },
  "a signature in DER": derSigned,
  "a signature of zeros": withText((jwt) => `${jwt.split(".").slice(0, 2).join(".")}.${"A".repeat(86)}`),
  "a changed header": withText((jwt) => flipped(jwt, 4)),
  "a changed payload": withText((jwt) => flipped(jwt, jwt.indexOf(".") + 12)),
  "a changed signature": withText((jwt) => flipped(jwt, jwt.lastIndexOf(".") + 8)),
  "no challenge": withPayload(() => ({})),
  "another challenge": withPayload((challenge) => ({ jti: flipped(challenge, 3) })),
  "a part of the challenge": withPayload((challenge) => ({ jti: challenge.slice(0, -1) })),
  "a list of challenges": withPayload((challenge) => ({ jti: [challenge] })),
  "a payload that is null": withPayload(() => "null"),
  "a payload that is text": withPayload((challenge) => JSON.stringify(challenge)),
  "eight kilobytes and more": withPayload((challenge) => ({ jti: challenge, more: "x".repeat(8192) })),
};

/** Returns the content of the records, for comparison. */
async function recordsOf({ store }: DeviceBoundApp): Promise<string[]> {
  const records = await store.memory.all();
  return [...records.values()].map((data) => Buffer.from(data).toString()).sort();
}

describe("does not bind a session:", () => {
  it.each(Object.keys(forgeries))("%s", async (name) => {
    await using app = deviceBoundApp();
    const browser = app.open();
    browser.canBind = false;
    const { headers } = await browser.get("/login");
    const [, challenge = ""] =
      /challenge="([^"]+)"/.exec(headers.get("secure-session-registration") ?? "") ?? [];
    const before = await recordsOf(app);
    const jwt = (forgeries[name] as Forgery)(browser.device, challenge);
    const answer = await browser.post("/.session/bind", { "secure-session-response": jwt });
    expect([answer.status, answer.body, answer.setCookies]).toEqual([403, "", []]);
    expect(answer.headers.get("secure-session-challenge"), "no other challenge").toBeNull();
    expect(await recordsOf(app), "nothing is written").toEqual(before);
    expect(app.errors).toEqual([]);
    const whole = browser.device.registration(challenge);
    expect((await browser.post("/.session/bind", { "secure-session-response": whole })).status).toBe(200);
    expect((await browser.get()).body).toBe("u1 bound");
  });

  it("a valid proof too late, again, for another session, or without one", async () => {
    await using app = deviceBoundApp();
    const browser = app.open();
    browser.canBind = false;
    const challengeOf = async (): Promise<string> => {
      const { headers } = await browser.get("/login");
      return /challenge="([^"]+)"/.exec(headers.get("secure-session-registration") ?? "")?.[1] ?? "";
    };
    const bind = async (challenge: string, sender = browser) => {
      const headers = { "secure-session-response": browser.device.registration(challenge) };
      return (await sender.post("/.session/bind", headers)).status;
    };
    const first = await challengeOf();
    const second = await challengeOf();
    expect(await bind(first), "a log-in asks anew").toBe(403);
    app.clock.advance(600_000);
    expect(await bind(second), "too late").toBe(403);
    const third = await challengeOf();
    const other = app.open();
    other.canBind = false;
    await other.get("/login?user=u2");
    expect(await bind(third, other), "for another session").toBe(403);
    expect(await bind(third, app.open()), "without one").toBe(403);
    expect(await bind(third)).toBe(200);
    expect(await bind(third), "again").toBe(403);
    expect(await bind("", browser), "without a challenge").toBe(403);
  });
});

describe("does not refresh a bound session:", () => {
  const forged = Object.entries(forgeries).filter(
    ([name]) => !/\bkey\b|point|no challenge|challenges|another challenge|part of the/.test(name),
  );

  it.each(forged)("%s", async (_, forge) => {
    await using app = deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id, challenge } = browser.binding as NonNullable<typeof browser.binding>;
    const before = await recordsOf(app);
    const answer = await browser.post("/.session/refresh", {
      "sec-secure-session-id": `"${id}"`,
      "secure-session-response": forge(browser.device, challenge) || '""',
    });
    expect([answer.status, answer.setCookies]).toEqual([404, []]);
    expect(await recordsOf(app), "nothing is written").toEqual(before);
    expect((await browser.refresh()).status).toBe(200);
  });

  it("a key in the proof itself", async () => {
    await using app = deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id, challenge } = browser.binding as NonNullable<typeof browser.binding>;
    const answer = await browser.post("/.session/refresh", {
      "sec-secure-session-id": `"${id}"`,
      "secure-session-response": new Device().registration(challenge),
    });
    expect([answer.status, answer.setCookies]).toEqual([404, []]);
  });

  it("a used challenge, which gets the next one as an answer", async () => {
    await using app = deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id, challenge } = browser.binding as NonNullable<typeof browser.binding>;
    const replayed = {
      "sec-secure-session-id": `"${id}"`,
      "secure-session-response": browser.device.refresh(challenge),
    };
    expect((await browser.post("/.session/refresh", replayed)).status).toBe(200);
    for (let times = 0; times < 2; times++) {
      const answer = await browser.post("/.session/refresh", replayed);
      expect([answer.status, answer.setCookies]).toEqual([403, []]);
      expect(answer.headers.get("secure-session-challenge")).not.toContain(challenge);
    }
  });

  it("the challenge of the registration", async () => {
    await using app = deviceBoundApp();
    const browser = app.open();
    const { headers } = await browser.get("/login");
    const [, challenge = ""] =
      /challenge="([^"]+)"/.exec(headers.get("secure-session-registration") ?? "") ?? [];
    const answer = await browser.post("/.session/refresh", {
      "sec-secure-session-id": `"${browser.binding?.id}"`,
      "secure-session-response": browser.device.refresh(challenge),
    });
    expect([answer.status, answer.setCookies]).toEqual([403, []]);
  });

  it("a challenge that is too old", async () => {
    await using app = deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id, challenge } = browser.binding as NonNullable<typeof browser.binding>;
    app.clock.advance(7_200_000);
    const answer = await browser.post("/.session/refresh", {
      "sec-secure-session-id": `"${id}"`,
      "secure-session-response": browser.device.refresh(challenge),
    });
    expect([answer.status, answer.setCookies]).toEqual([403, []]);
  });

  it.each(["", "other", '"other"', '"', '"a";b=1', "\u00ff", ".", "..", "@owner.x", "__proto__.id"])(
    "the identifier %o",
    async (id) => {
      await using app = deviceBoundApp();
      const browser = await boundBrowser(app);
      const { challenge } = browser.binding as NonNullable<typeof browser.binding>;
      const answer = await browser.post("/.session/refresh", {
        "sec-secure-session-id": id,
        "secure-session-response": browser.device.refresh(challenge),
      });
      expect([answer.status, answer.setCookies]).toEqual([404, []]);
    },
  );

  it("the proof for another session", async () => {
    await using app = deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id, challenge } = browser.binding as NonNullable<typeof browser.binding>;
    const subject = (sub: unknown) =>
      browser.post("/.session/refresh", {
        "sec-secure-session-id": `"${id}"`,
        "secure-session-response": browser.device.jwt(
          { typ: "dbsc+jwt", alg: "ES256" },
          { jti: challenge, sub },
        ),
      });
    expect((await subject("other")).status).toBe(404);
    expect((await subject(id)).status).toBe(200);
    const other = await boundBrowser(app);
    const mixed = await other.post("/.session/refresh", {
      "sec-secure-session-id": `"${other.binding?.id}"`,
      "secure-session-response": browser.device.refresh(other.binding?.challenge ?? ""),
    });
    expect([mixed.status, mixed.setCookies], "by the device of the first").toEqual([404, []]);
  });

  it("a session whose binding is requested but not complete", async () => {
    await using app = deviceBoundApp();
    const browser = app.open();
    browser.canBind = false;
    await browser.get("/login");
    const [record = "{}"] = await recordsOf(app);
    const id = `${browser.token?.split(".")[0]}.${/"binding":\{"id":"([^"]+)"/.exec(record)?.[1]}`;
    const answer = await browser.post("/.session/refresh", { "sec-secure-session-id": `"${id}"` });
    expect([answer.status, answer.headers.get("secure-session-challenge")]).toEqual([404, null]);
  });
});
