import type { Session } from "@scs/session";
import { type Notes, sessions } from "./sessions.js";

/** The part of a session that the page and `/me` show. */
export interface View {
  user: string | undefined;
  notes: string[];
  devices: { handle: string; name: string; isThis: boolean }[];
}

export async function viewOf(session: Session<Notes>): Promise<View> {
  const user = session.get("user");
  const keys = [...session.keys()].filter((key) => key.startsWith("note:")) as `note:${string}`[];
  const list = user === undefined ? [] : await sessions.list(user);
  const devices = list.map(({ handle, description = "a device" }) => ({
    handle,
    name: description,
    isThis: handle === session.handle,
  }));
  return { user, notes: keys.map((key) => session.get(key) ?? "").sort(), devices };
}
