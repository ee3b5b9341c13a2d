import { createPublicKey, verify } from "node:crypto";
import type { DeviceKey } from "../codecs/session-meta.js";

/** A proof of a device: a JWT (RFC 7519) whose signature is not verified yet. */
export interface Proof {
  /** The challenge that was signed. */
  challenge: string;
  /** The device's public key, for a registration. */
  key: DeviceKey | undefined;
  /** The identifier of the binding, if the proof contains it. */
  subject: string | undefined;
  algorithm: Algorithm;
  signed: Buffer;
  signature: Buffer;
}

type Algorithm = "ES256" | "RS256";

/** The signature algorithms that browsers know. */
export const ALGORITHMS: readonly Algorithm[] = ["ES256", "RS256"];

/** Maximum length of a JWT; one with an RSA key of 4,096 bits has about 2,000. */
const MAX_LENGTH = 8192;
/** Length of a signature of ES256. */
const ES256_LENGTH = 64;
/** Lengths of the modulus of an RSA key, 2,048 to 4,096 bits. */
const [MIN_MODULUS, MAX_MODULUS] = [256, 512];

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Parses a proof from its header; `undefined` if it is malformed. */
export function parseProof(header: string): Proof | undefined {
  const jwt = unquoted(header);
  if (jwt.length > MAX_LENGTH) return undefined;
  const [head = "", body = "", mac = "", ...more] = jwt.split(".");
  const signature = bytesOf(mac);
  const { typ, alg, jwk, crit } = objectOf(head) ?? {};
  const { jti, sub } = objectOf(body) ?? {};
  if (more.length > 0 || signature === undefined || typ !== "dbsc+jwt" || crit !== undefined)
    return undefined;
  if (!isAlgorithm(alg) || typeof jti !== "string") return undefined;
  const key = jwk === undefined ? undefined : keyOf(jwk);
  if (jwk !== undefined && key === undefined) return undefined;
  return {
    ...{ challenge: jti, key, algorithm: alg, signature },
    subject: typeof sub === "string" ? sub : undefined,
    signed: Buffer.from(`${head}.${body}`, "latin1"),
  };
}

/** Returns whether the owner of `key` has signed the proof. */
export function isSignedBy({ algorithm, signed, signature }: Proof, key: DeviceKey): boolean {
  if (algorithm !== (key.kty === "EC" ? "ES256" : "RS256")) return false;
  if (algorithm === "ES256" && signature.length !== ES256_LENGTH) return false;
  try {
    const publicKey = createPublicKey({ key: { ...key }, format: "jwk" });
    return verify("sha256", signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // for example, a point outside the curve
  }
}

/** Parses a structured string (RFC 9651, section 3.3.3), with or without its quotes. */
export function unquoted(header: string): string {
  const text = header.trim();
  const [, quoted] = /^"([^"\\]*)"(?:;.*)?$/.exec(text) ?? [];
  return quoted ?? text;
}

function isAlgorithm(value: unknown): value is Algorithm {
  return (ALGORITHMS as readonly unknown[]).includes(value);
}

/** Decodes base64url without padding; `undefined` for any other text. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length > 0 && bytes.toString("base64url") === text ? bytes : undefined;
}

function objectOf(text: string): Record<string, unknown> | undefined {
  const bytes = bytesOf(text);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Reduces a JWK to the public key, if browsers make keys of this type. */
function keyOf(jwk: unknown): DeviceKey | undefined {
  const { kty, crv, x, y, n, e } = Object(jwk) as Record<string, unknown>;
  if (kty === "EC" && crv === "P-256" && lengthOf(x) === 32 && lengthOf(y) === 32) {
    return { kty, crv, x: x as string, y: y as string };
  }
  const modulus = lengthOf(n);
  if (kty === "RSA" && e === "AQAB" && modulus >= MIN_MODULUS && modulus <= MAX_MODULUS) {
    return { kty, n: n as string, e };
  }
  return undefined;
}

function lengthOf(text: unknown): number {
  return typeof text === "string" ? (bytesOf(text)?.length ?? 0) : 0;
}
