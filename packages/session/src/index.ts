export type { SessionCodec, SessionContent } from "./codecs/codec.js";
export { devalueCodec } from "./codecs/devalue-codec.js";
export { jsonCodec } from "./codecs/json-codec.js";
export type {
  Bar,
  BindingNote,
  ClientNote,
  DeviceKey,
  LifetimeNote,
  MergeNote,
  OwnerNote,
  SecretNote,
  SessionMeta,
} from "./codecs/session-meta.js";
export type { DeviceBinding } from "./device-bound/bound-state.js";
export type { DeviceBoundOptions } from "./device-bound/device-bound-options.js";
export type { ClientDescription, ClientRequest, RequestHead } from "./http/http-request.js";
export type { Middleware } from "./http/middleware.js";
export type { CookieOptions } from "./http/session-cookie.js";
export {
  headerTransport,
  type TokenCookie,
  type TokenGift,
  type TokenHeader,
  type TokenTransport,
} from "./http/token-transport.js";
export type { InspectedSession } from "./inspection.js";
export type { SessionManagerOptions } from "./manager-options.js";
export type { OwnedSession } from "./owners/owned-session.js";
export type { PolicyName } from "./policy/presets.js";
export type { SessionTimeouts } from "./policy/timeouts.js";
export { type RenewOptions, Session, type SessionStatus } from "./session.js";
export { SessionError, type SessionErrorCode } from "./session-error.js";
export type {
  Cleanup,
  EndReason,
  SessionEvent,
  SessionEventName,
  SessionEvents,
  UnknownToken,
} from "./session-events.js";
export { SessionManager } from "./session-manager.js";
export { type StoreProvider, StoreRegistry } from "./store-registry.js";
