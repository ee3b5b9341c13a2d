/** What the manager notes of a session beside its values. Codecs keep it as it is. */
export interface SessionMeta {
  /** Which entry of its owner's list is this session. */
  id?: string;
  /** When it was last saved, in ms since the epoch; for sessions with an owner. */
  seen?: number;
  /** Whether its cookie outlives the browser, if the app has said so for this session. */
  persist?: boolean;
  /** The `namespace` of its manager, if that has one. */
  space?: string;
  /** The key of the record that the session was renewed to: this one only leads there, until it expires. */
  next?: string;
}
