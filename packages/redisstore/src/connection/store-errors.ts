import { StoreError } from "@scs/core";
import { replyCode } from "../drivers/reply-error.js";
import { NotSent } from "./connection.js";

/** Messages by the code of the server's error: what happened, and what to do. */
const MESSAGES: Readonly<Record<string, string>> = {
  OOM: "the server is out of memory and evicts nothing (maxmemory, noeviction); raise maxmemory, or choose another eviction policy",
  READONLY: "the server is a read-only replica; writes need the primary",
  LOADING: "the server is loading its data; try again",
  MISCONF: "the server refuses writes, because it cannot save to its disk",
  NOREPLICAS: "the server refuses writes, because it has too few replicas (min-replicas-to-write)",
  CLUSTERDOWN: "the cluster is down, or no node serves the session's slot; a failover may be in progress",
  MASTERDOWN: "the server is a replica that has lost its primary",
  TRYAGAIN: "the session's slot is being moved; try again",
  MOVED:
    "the server is part of a cluster; pass a client of the cluster: Cluster of ioredis, createCluster of redis",
  CROSSSLOT:
    "the server is part of a cluster; pass a client of the cluster: Cluster of ioredis, createCluster of redis",
  ASK: "the session's slot is being moved; try again",
  BUSY: "the server is busy with a long script; see SCRIPT KILL in its manual",
  WRONGPASS: "the server refuses the user or the password; look at the client's settings",
  NOAUTH: "the server wants a password; look at the client's settings",
  NOPERM: "the user lacks a permission; see Permissions in docs/stores/redisstore.md",
  NOSCRIPT: "the server forgets scripts immediately",
};

/** Converts an error of a driver. `cause` is a copy without tokens and data, which the driver's error may contain. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const given = error instanceof Error ? error : new Error(String(error));
  if (given instanceof NotSent && given.cause === undefined)
    return new StoreError("UNAVAILABLE", `redisstore: ${given.message}; nothing was sent`);
  const reason = given instanceof NotSent ? (given.cause as Error) : given;
  const code = replyCode(reason);
  const message =
    code !== undefined
      ? (MESSAGES[code] ?? "the server reports an error; the cause says which")
      : given instanceof NotSent
        ? "the server cannot be reached; the cause says why, and nothing was sent"
        : "the connection was lost; the cause says how, and whether a write in flight took effect is unknown";
  return new StoreError("UNAVAILABLE", `redisstore: ${message}`, { cause: withoutValues(reason) });
}

const NETWORK = ["code", "errno", "syscall", "address", "port", "hostname"];

/** Copies an error without keys and values: ioredis attaches the command, and the server quotes its arguments. */
function withoutValues(error: Error): Error {
  const fields = error as unknown as Record<string, unknown>;
  const copy = new Error(error.message.split(", with args beginning")[0]);
  copy.name = error.name;
  for (const field of NETWORK)
    if (fields[field] !== undefined) Object.assign(copy, { [field]: fields[field] });
  return copy;
}

/** Whether the server has certainly not executed the command, and may do so in a moment. */
export function isTemporary(error: Error): boolean {
  return ["LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"].includes(replyCode(error) ?? "");
}

/** Whether the connection was lost, so that the fate of the command is unknown. */
export function isLost(error: Error): boolean {
  return !(error instanceof StoreError || error instanceof NotSent) && replyCode(error) === undefined;
}

/** Whether nothing was sent because there is no connection yet. */
export function isWaiting(error: Error): boolean {
  return error instanceof NotSent && !(error.cause instanceof Error && replyCode(error.cause) !== undefined);
}

/** Whether a retried read may succeed, on the node that a refreshed map of the cluster names. */
export function mayBeAnsweredLater(error: Error): boolean {
  return (
    isLost(error) ||
    isTemporary(error) ||
    isWaiting(error) ||
    ["MOVED", "ASK"].includes(replyCode(error) ?? "")
  );
}
