import { createHash, randomBytes } from "node:crypto";

/** 256 bits of randomness in base64url: twice what the OWASP Session Management Cheat Sheet asks for. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Tells whether `value` has the form of a token; what has not is not even looked up. */
export function hasTokenForm(value: string | undefined): value is string {
  return value !== undefined && value.length === 43 && /^[\w-]+$/.test(value);
}

/** SHA-256 in base64url. Tokens are random, so that neither salt nor a slow hash would add anything. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
