import { hash, randomBytes } from "node:crypto";

const TOKEN = /^[\w-]{43}$/;

/** 256 bits of randomness in base64url: twice what the OWASP Session Management Cheat Sheet asks for. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Tells whether `value` has the form of a token; what has not is not even looked up. */
export function hasTokenForm(value: unknown): value is string {
  return typeof value === "string" && value.length === 43 && TOKEN.test(value);
}

/** SHA-256 in base64url. Tokens are random, so that neither salt nor a slow hash would add anything. */
export function sha256(text: string): string {
  return hash("sha256", text, "base64url");
}

/** 128 bits of randomness in base64url, for what is no secret but must not be guessed either. */
export function newId(): string {
  return randomBytes(16).toString("base64url");
}
