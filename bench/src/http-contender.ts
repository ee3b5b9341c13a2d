import type { Durability, ServerName } from "./contender.js";
import type { Family, Role } from "./families.js";
import { peerOf } from "./peers.js";
import { stores } from "./stores.js";

export const STACKS = ["Express 5", "node:http"] as const;
export type Stack = (typeof STACKS)[number];
export const ROUTES = ["read", "modify", "idle"] as const;
export type Route = (typeof ROUTES)[number];

/** An application that can be measured: who keeps its sessions, and where. */
export interface HttpContender {
  name: string;
  role: Role;
  keeper: "nobody" | "@scs/session" | "express-session";
  /** Whether the manager gives the session to whoever runs on behalf of the request, without being handed it. */
  asyncContext: boolean;
  /**
   * When a request that changes nothing writes all the same, that the session stays: `always`, `never`, or as it is by
   * default. express-session always does, if the store can; the manager when an idle timeout asks for it, and then not
   * again for a while.
   */
  touches?: "always" | "never";
  /** Of which routes it is measured, if not of all. */
  routes?: readonly Route[];
  /** A store of ours or one for express-session, by its name. */
  backend: string;
  durability: Durability;
  server?: ServerName;
  isMissing?: (() => string | undefined) | undefined;
}

const plain = { asyncContext: false } as const;

/** The applications of a family: the manager on the store, and express-session on each of its peers. */
export function httpContendersOf({ store, variants = [], peers }: Family): HttpContender[] {
  const ours = [store, ...variants].flatMap((backend): HttpContender[] => {
    const kind = stores[backend];
    if (kind === undefined) return [];
    const { durability, server } = kind;
    return [
      {
        ...plain,
        name: `@scs/session on ${backend}`,
        role: "ours",
        keeper: "@scs/session",
        backend,
        durability,
        ...(server !== undefined && { server }),
      },
    ];
  });
  const theirs = peers.flatMap((backend): HttpContender[] => {
    const kind = peerOf(backend);
    if (kind === undefined) return [];
    const { durability, server, isMissing, operations } = kind;
    if (operations !== undefined) return [];
    return [
      {
        ...plain,
        name: `express-session on ${backend}`,
        role: "peer",
        keeper: "express-session",
        backend,
        durability,
        isMissing,
        ...(server !== undefined && { server }),
      },
    ];
  });
  const [first, peer] = [ours[0], theirs[0]];
  const touching: HttpContender[] = [];
  // What it costs to write, or not to write, when nothing has changed.
  if (first !== undefined && peer !== undefined) {
    const always = { name: `${first.name}, touchAfterMs 0`, touches: "always", routes: ["idle"] } as const;
    const never = { name: `${peer.name}, no touch`, touches: "never", routes: ["read"] } as const;
    touching.push({ ...first, ...always }, { ...peer, ...never });
  }
  return [...ours, ...theirs, ...touching, ...(store === "memstore" ? inMemory : [])];
}

/** What the manager costs beside no sessions at all, and what its option costs, is asked where the store costs least. */
const inMemory: readonly HttpContender[] = [
  {
    name: "@scs/session on memstore, asyncContext",
    role: "ours",
    keeper: "@scs/session",
    asyncContext: true,
    backend: "memstore",
    durability: "memory",
  },
  {
    ...plain,
    name: "no sessions",
    role: "limit",
    keeper: "nobody",
    backend: "none",
    durability: "memory",
  },
];
