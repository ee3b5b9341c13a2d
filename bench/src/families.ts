import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { caches } from "./caches.js";
import type { ContenderKind } from "./contender.js";
import { limits } from "./limits.js";
import { peers } from "./peers.js";
import { postgresLimits } from "./postgres-limits.js";
import { sqliteLimits } from "./sqlite-limits.js";
import { contendersOf, stores } from "./stores.js";

/** A store of ours, and what belongs beside it: no store is measured against all the world. */
export interface Family {
  store: string;
  /** Kinds of the store that are measured with it, by their names in `stores`. */
  variants?: readonly string[];
  /** What people use today for the same. */
  peers: readonly string[];
  /** What it stands on, without a store: the language, the driver, the disk, used plainly. */
  limits: readonly string[];
}

const families: readonly Family[] = [
  { store: "memstore", peers: ["MemoryStore", "memorystore", "lru-cache"], limits: ["Map"] },
  {
    store: "hybridstore",
    peers: ["connect-sqlite3", "session-file-store", "connect-redis"],
    limits: ["Map", "map + synced log", "raw lmdb"],
  },
  { store: "boltstore", peers: ["connect-sqlite3", "better-sqlite3-session-store"], limits: ["raw lmdb"] },
  {
    store: "filestore",
    variants: ["filestore (committed)"],
    peers: ["session-file-store", "session-file-store (retries)"],
    limits: ["file, sync, rename", "file, rename"],
  },
  {
    store: "sqlstore",
    variants: ["sqlstore (better-sqlite3)"],
    peers: [
      "connect-sqlite3",
      "connect-sqlite3 (WAL)",
      "better-sqlite3-session-store",
      "better-sqlite3-session-store (WAL)",
      "keyv (SQLite)",
    ],
    limits: ["better-sqlite3", "better-sqlite3 (grouped)"],
  },
  {
    store: "pgstore",
    peers: ["connect-pg-simple", "keyv (Postgres)", "connect-redis"],
    limits: ["raw pg", "pg, batched", "pgbench"],
  },
];

/** The families whose store is in this repository. */
export const storeFamilies: readonly Family[] = families.filter(({ store }) => store in stores);

/** What a contender is in a family. */
export type Role = "ours" | "peer" | "limit";

export interface Member {
  kind: ContenderKind;
  role: Role;
}

/**
 * The contenders by name, those of modules included that the command names: each has as its default export an array
 * of {@link ContenderKind}, which are peers of every family.
 */
export class Contenders {
  readonly #kinds: Map<string, ContenderKind>;
  readonly #added: readonly ContenderKind[];

  private constructor(added: readonly ContenderKind[]) {
    this.#added = added;
    const kinds = [
      ...Object.keys(stores).flatMap(contendersOf),
      ...[peers, caches, limits, sqliteLimits, postgresLimits, added].flat(),
    ];
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
  }

  static async load(modules: readonly string[]): Promise<Contenders> {
    const added: ContenderKind[] = [];
    for (const path of modules) {
      const { default: kinds } = await import(pathToFileURL(resolve(path)).href);
      if (!Array.isArray(kinds))
        throw new RangeError(`${path} must export an array of contenders by default`);
      added.push(...kinds);
    }
    return new Contenders(added);
  }

  /** Gives the contender of this name. */
  find(name: string): ContenderKind {
    const kind = this.#kinds.get(name);
    if (kind === undefined) {
      throw new RangeError(`no contender "${name}"; there are: ${[...this.#kinds.keys()].join(", ")}`);
    }
    return kind;
  }

  members({ store, variants = [], peers: theirs, limits: bounds }: Family): Member[] {
    const ours = [store, ...variants].flatMap((name) => [name, `${name} + JSON`]);
    return [
      ...ours.map((name) => ({ kind: this.find(name), role: "ours" as const })),
      ...theirs.map((name) => ({ kind: this.find(name), role: "peer" as const })),
      ...this.#added.map((kind) => ({ kind, role: "peer" as const })),
      ...bounds.map((name) => ({ kind: this.find(name), role: "limit" as const })),
    ];
  }
}
