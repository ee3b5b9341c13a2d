import { devalueCodec } from "./codecs/devalue-codec.js";
import { type DeviceBound, deviceBoundOf } from "./device-bound/device-bound.js";
import { reporterOf } from "./error-reporter.js";
import { SessionCookie } from "./http/session-cookie.js";
import type { TokenTransport } from "./http/token-transport.js";
import { idleTimeoutOf } from "./idle-timeout.js";
import { Inspection } from "./inspection.js";
import type { SessionManagerOptions } from "./manager-options.js";
import {
  checkedLifetimes,
  checkOptions,
  DEFAULT_MAX_PER_OWNER,
  DEFAULT_STORE_TIMEOUT_MS,
} from "./option-checks.js";
import { OwnerLists } from "./owners/owner-list.js";
import { ownerName } from "./owners/owner-name.js";
import { OwnerSessions } from "./owners/owner-sessions.js";
import { BoundedStore } from "./persistence/bounded-store.js";
import { SessionRecords } from "./persistence/session-records.js";
import { SessionRepository } from "./persistence/session-repository.js";
import { type ClientNoteOf, clientNoteOf } from "./policy/client-note.js";
import { SessionPolicy } from "./policy/session-policy.js";
import type { SessionTimeouts } from "./policy/timeouts.js";
import { SessionEmitter } from "./session-events.js";
import { SessionEncoder } from "./state/session-encoder.js";
import type { SessionState } from "./state/session-state.js";

/** The parts of a manager. */
export interface SessionEngine {
  store: BoundedStore;
  transport: TokenTransport;
  trustProxy: boolean;
  hasIdleTimeout: boolean;
  records: SessionRecords;
  owners: OwnerSessions | undefined;
  repository: SessionRepository;
  inspection: Inspection;
  events: SessionEmitter;
  /** For managers with `deviceBound`. */
  deviceBound: DeviceBound | undefined;
  /** For managers with `client`. */
  clientNoteOf: ClientNoteOf | undefined;
  merge: (state: SessionState, token: string) => Promise<boolean>;
  now: () => number;
  onError: (error: Error) => void;
}

/** Creates the parts of a manager. @throws TypeError or RangeError for an option that cannot work. */
export function buildEngine<T extends object, D>(options: SessionManagerOptions<T, D>): SessionEngine {
  if (typeof (options?.store as { then?: unknown } | undefined)?.then === "function")
    throw new TypeError("store is a promise: await it, as in store: await openBoltStore(...)");
  if (typeof options?.store?.find !== "function") {
    throw new TypeError("store is missing: pass one, as in new SessionManager({ store: new MemStore() })");
  }
  checkOptions(options);
  const policy = policyOf(options);
  const { codec = devalueCodec, namespace = "", trustProxy = false } = options;
  const now = options.now ?? (() => Date.now()); // looks up Date.now at each call, for fake timers of tests
  const transport = options.transport ?? new SessionCookie(options.cookie);
  const onError = reporterOf(options.onError ?? ((error) => process.emitWarning(error)));
  const store = new BoundedStore(options.store, options.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS);
  const events = new SessionEmitter(onError, options.store);
  const records = new SessionRecords({ store, namespace, codec, now, onError });
  const ownerOf = ownerOfValues(options.owner);
  const shared = { records, codec, namespace, ownerOf, now, events, onError, policy };
  const describe = (options.describe ?? (() => undefined)) as (values: object) => unknown;
  const maxPerOwner = options.maxPerOwner ?? DEFAULT_MAX_PER_OWNER;
  const lists = new OwnerLists({ store, namespace, now, onError });
  const owners = options.owner && new OwnerSessions({ ...shared, lists, maxPerOwner, describe });
  const maxBytes = options.maxBytes ?? 65_536;
  const encoder = new SessionEncoder(codec, maxBytes);
  const home = { encoder, newDeadline: () => now() + policy.base.lifetimeMs, ownerOf, policy, now };
  const hasOwners = owners !== undefined;
  const deviceBound = deviceBoundOf(options, transport, { ...shared, hasOwners }, onError);
  const repository = new SessionRepository({ ...shared, owners, home, bindings: deviceBound?.bindings });
  const inspection = new Inspection({ ...shared, store, owners, describe });
  const merge = (state: SessionState, token: string) => repository.merge(state, token);
  const described = clientNoteOf(options.client, onError);
  return {
    hasIdleTimeout: !policy.isFixed || policy.base.idleTimeoutMs < Number.POSITIVE_INFINITY,
    ...{ store, transport, trustProxy, records, owners, repository, inspection, events, merge, now, onError },
    ...{ deviceBound, clientNoteOf: described },
  };
}

function policyOf<T extends object, D>(options: SessionManagerOptions<T, D>): SessionPolicy {
  const { policy, idleTimeoutMs } = options;
  const timeouts = options.timeouts as ((values: object) => SessionTimeouts | undefined) | undefined;
  const byValues = typeof idleTimeoutMs === "function" ? idleTimeoutOf(idleTimeoutMs) : undefined;
  const base = checkedLifetimes({ ...options, timeouts } as Parameters<typeof checkedLifetimes>[0]);
  return new SessionPolicy(base, { policy, timeouts, idleTimeoutOf: byValues });
}

function ownerOfValues<T extends object, D>(
  owner: SessionManagerOptions<T, D>["owner"],
): (values: Record<string, unknown>) => string | undefined {
  if (owner === undefined) return () => undefined;
  return (values) => ownerName(owner(values as Readonly<Partial<T>>));
}
