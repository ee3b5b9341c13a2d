import { hash, randomBytes } from "node:crypto";

/** Length of an ID: 16 random bytes in base64url. */
const ID_LENGTH = 22;
/** Length of a secret: 32 random bytes in base64url, twice what the OWASP Session Management Cheat Sheet asks for. */
const SECRET_LENGTH = 43;
const TOKEN = /^[\w-]{22}\.[\w-]{43}$/;
const ID = /^[\w-]{22}$/;

/** The two halves of a token: the ID of the session, and the secret that proves the client's right to it. */
export interface TokenParts {
  /** Identifies the record for the session's whole life. No secret. */
  id: string;
  /** Changes with each renewal. The store has only its hash. */
  secret: string;
}

/** Creates the ID of a new session: 128 random bits in base64url. */
export function newId(): string {
  return randomBytes(16).toString("base64url");
}

/** Creates a secret: 256 random bits in base64url. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Creates a unique name: 48 random bits in base64url. */
export function newNonce(): string {
  return randomBytes(6).toString("base64url");
}

export function tokenOf({ id, secret }: TokenParts): string {
  return `${id}.${secret}`;
}

/** Returns whether `value` has the form of a token. Other values are never looked up. */
export function hasTokenForm(value: unknown): value is string {
  return typeof value === "string" && value.length === ID_LENGTH + 1 + SECRET_LENGTH && TOKEN.test(value);
}

/** Returns whether `value` has the form of an ID. */
export function hasIdForm(value: unknown): value is string {
  return typeof value === "string" && value.length === ID_LENGTH && ID.test(value);
}

/** Splits a token; `undefined` for a malformed one. */
export function partsOf(token: unknown): TokenParts | undefined {
  if (!hasTokenForm(token)) return undefined;
  return { id: token.slice(0, ID_LENGTH), secret: token.slice(ID_LENGTH + 1) };
}

/** Returns the SHA-256 in base64url. Secrets are random, so neither salt nor a slow hash would add anything. */
export function sha256(text: string): string {
  return hash("sha256", text, "base64url");
}

/**
 * Derives the public ID of a session from the hash of its secret. It changes with each renewal, and reveals neither the
 * secret nor the record.
 */
export function publicIdOf(secretHash: string): string {
  return sha256(`public\0${secretHash}`).slice(0, ID_LENGTH);
}
