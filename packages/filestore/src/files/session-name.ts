import { hash } from "node:crypto";

const EXTENSION = ".session";
const SHARD_DIGITS = 2;
const SESSION_FILE = /^([0-9a-f]{64})\.session$/;
const SHARD = /^[0-9a-f]{2}$/;

/** Returns the name of a session on disk: SHA-256 of its token, in hex. A token is never part of a path. */
export const nameOf = (token: string): string => hash("sha256", token);

/** Returns the directory of a session, within that of the store. */
export const shardOf = (name: string): string => name.slice(0, SHARD_DIGITS);

export const isShard = (entry: string): boolean => SHARD.test(entry);

/** Returns the file of a session, within its shard. */
export const fileOf = (name: string): string => name + EXTENSION;

/** Returns the name of the session of a file; `undefined` if it is no session file. */
export const nameOfFile = (entry: string): string | undefined => SESSION_FILE.exec(entry)?.[1];
