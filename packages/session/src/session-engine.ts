import type { Store } from "@scs/core";
import { devalueCodec } from "./codecs/devalue-codec.js";
import { reporterOf } from "./error-reporter.js";
import { SessionCookie } from "./http/session-cookie.js";
import type { TokenTransport } from "./http/token-transport.js";
import { checkedLifetimes, checkOptions, type SessionManagerOptions } from "./manager-options.js";
import { OwnerLists } from "./owners/owner-lists.js";
import { SessionRecords } from "./persistence/session-records.js";
import { SessionRepository } from "./persistence/session-repository.js";
import { SessionEmitter } from "./session-events.js";

/** The parts of a manager, made as its options say. */
export interface SessionEngine {
  store: Store;
  transport: TokenTransport;
  trustProxy: boolean;
  namespace: string;
  records: SessionRecords;
  lists: OwnerLists | undefined;
  repository: SessionRepository;
  events: SessionEmitter;
  now: () => number;
  onError: (error: Error) => void;
}

/** @throws TypeError or RangeError for an option that cannot work, with what to do instead. */
export function buildEngine<T extends object, D>(options: SessionManagerOptions<T, D>): SessionEngine {
  if (typeof options?.store?.find !== "function") {
    throw new TypeError("store is missing: pass one, as in new SessionManager({ store: new MemStore() })");
  }
  const { store, hashTokens = true, codec = devalueCodec, namespace = "", now = Date.now } = options;
  const transport = options.transport ?? new SessionCookie(options.cookie);
  checkOptions(options);
  const lifetimes = checkedLifetimes(options);
  const onError = reporterOf(options.onError ?? ((error) => process.emitWarning(error)));
  const events = new SessionEmitter(onError);
  const records = new SessionRecords({ store, hashTokens, namespace, codec, now, onError });
  const ownerOf = ownerOfValues(options.owner);
  const describe = options.describe as ((values: object) => unknown) | undefined;
  const shared = { records, namespace, ownerOf, now, events, onError, ...lifetimes };
  const lists =
    options.owner &&
    new OwnerLists({
      ...shared,
      maxPerOwner: options.maxPerOwner ?? Number.POSITIVE_INFINITY,
      describe: describe ?? (() => undefined),
    });
  const maxBytes = options.maxBytes ?? 65_536;
  const home = { codec, maxBytes, newDeadline: () => now() + lifetimes.lifetimeMs, ownerOf };
  const repository = new SessionRepository({ ...shared, lists, home });
  const { trustProxy = false } = options;
  return { store, transport, trustProxy, namespace, records, lists, repository, events, now, onError };
}

/** No owner, be it `null` or an empty name, is nobody: else the sessions of all visitors would be one user's. */
function ownerOfValues<T extends object, D>(
  owner: SessionManagerOptions<T, D>["owner"],
): (values: Record<string, unknown>) => string | undefined {
  if (owner === undefined) return () => undefined;
  return (values) => {
    const name: string | null | undefined = owner(values as Readonly<Partial<T>>);
    return name === undefined || name === null || name === "" ? undefined : String(name);
  };
}
