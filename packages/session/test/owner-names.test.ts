import { describe, expect, it } from "vitest";
import { accounts, isAlive, logIn } from "./fixtures/owned-sessions.js";

describe("an owner", () => {
  it.each([7, 7n, 0])("%o is found by its value and by its text", async (id) => {
    await using app = accounts({ owner: () => id as never });
    const session = await logIn(app.sessions, "u1");
    for (const owner of [id, String(id)]) expect(await app.sessions.list(owner as never)).toHaveLength(1);
    expect(await app.sessions.revokeAll(id as never)).toBe(1);
    expect(await isAlive(app.sessions, session.token)).toBe(false);
  });

  it.each([{ id: "u1" }, ["u1"], Promise.resolve("u1"), true, Symbol("u1"), () => "u1"])(
    "cannot be %o, whose text would be the same for all users",
    async (owner) => {
      await using app = accounts({ owner: ({ device }) => (device === "phone" ? owner : "u1") as never });
      await expect(logIn(app.sessions, "u1")).rejects.toThrow("an owner must be a string");
      expect(await app.store.keys()).toEqual([]);
      const session = await logIn(app.sessions, "u1", "laptop");
      await expect(app.sessions.list(owner as never)).rejects.toThrow(TypeError);
      await expect(app.sessions.revokeAll(owner as never)).rejects.toThrow(TypeError);
      expect(await isAlive(app.sessions, session.token)).toBe(true);
    },
  );

  it.each([undefined, null, "", Number.NaN])(
    "%o counts as none, and revokeAll throws instead of returning 0",
    async (owner) => {
      await using app = accounts({ owner: () => owner as never });
      const session = await logIn(app.sessions, "u1");
      await expect(app.sessions.revokeAll(owner as never)).rejects.toThrow("revokeAll needs an owner");
      expect(await app.sessions.list(owner as never)).toEqual([]);
      expect(await isAlive(app.sessions, session.token)).toBe(true);
    },
  );
});
