import { hash } from "node:crypto";

const EXTENSION = ".session";
const SHARD_DIGITS = 2;
const SESSION_FILE = /^([0-9a-f]{64})\.session$/;
const SHARD = /^[0-9a-f]{2}$/;

/** What a session goes by on the disk: SHA-256 of its token, in hex. A token itself is never a part of a path. */
export const nameOf = (token: string): string => hash("sha256", token);

/** The directory of a session, below that of the store. */
export const shardOf = (name: string): string => name.slice(0, SHARD_DIGITS);

export const isShard = (entry: string): boolean => SHARD.test(entry);

/** The file of a session, below its shard. */
export const fileOf = (name: string): string => name + EXTENSION;

/** Whose file this entry of a shard is; `undefined` if it is none of a session. */
export const nameOfFile = (entry: string): string | undefined => SESSION_FILE.exec(entry)?.[1];
