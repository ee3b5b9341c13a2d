import { hash, randomBytes } from "node:crypto";

/** Length of an ID: 16 random bytes in base64url. */
const ID_LENGTH = 22;
/** Length of a secret: 32 random bytes in base64url, twice what the OWASP Session Management Cheat Sheet asks for. */
const SECRET_LENGTH = 43;
const TOKEN = /^[\w-]{22}\.[\w-]{43}$/;
const ID = /^[\w-]{22}$/;

/** The two halves of a token: where the session is, and what proves that it is the client's. */
export interface TokenParts {
  /** Names the record for the session's whole life. No secret. */
  id: string;
  /** Changed by each renewal. The store has only its hash. */
  secret: string;
}

/** Makes the ID of a new session: 128 random bits in base64url. */
export function newId(): string {
  return randomBytes(16).toString("base64url");
}

/** Makes a secret: 256 random bits in base64url. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Makes a name that no other has by chance: 48 random bits in base64url. */
export function newNonce(): string {
  return randomBytes(6).toString("base64url");
}

export function tokenOf({ id, secret }: TokenParts): string {
  return `${id}.${secret}`;
}

/** Tells whether `value` has the form of a token. Anything else is not even looked up. */
export function hasTokenForm(value: unknown): value is string {
  return typeof value === "string" && value.length === ID_LENGTH + 1 + SECRET_LENGTH && TOKEN.test(value);
}

/** Tells whether `value` has the form of an ID. */
export function hasIdForm(value: unknown): value is string {
  return typeof value === "string" && value.length === ID_LENGTH && ID.test(value);
}

/** Splits a token; `undefined` for a value that has not the form of one. */
export function partsOf(token: unknown): TokenParts | undefined {
  if (!hasTokenForm(token)) return undefined;
  return { id: token.slice(0, ID_LENGTH), secret: token.slice(ID_LENGTH + 1) };
}

/** SHA-256 in base64url. Secrets are random, so that neither salt nor a slow hash would add anything. */
export function sha256(text: string): string {
  return hash("sha256", text, "base64url");
}

/**
 * Derives the public ID of a session from the hash of its secret: it changes with each renewal, and leads neither
 * to the secret nor to the record.
 */
export function publicIdOf(secretHash: string): string {
  return sha256(`public\0${secretHash}`).slice(0, ID_LENGTH);
}
