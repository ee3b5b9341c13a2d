import { MemStore } from "@scs/memstore";
import { expect, it } from "vitest";
import { Visitor } from "./fixtures/visitor.js";
import { koaSession } from "./hosts/koa-session.js";

it("a regeneration under koa-session does not bring back a session that was logged out meanwhile", async () => {
  await using app = await koaSession("koa-session", {}).start(new MemStore());
  const visitor = new Visitor(app.url);
  await visitor.get("/set/user/u1");
  const slow = visitor.copy();
  const gate = app.gates.make("slow");
  const renewed = slow.get("/renew/cart/full?gate=slow");
  await gate.reached;
  await visitor.get("/logout");
  gate.open();
  await renewed;
  expect(await slow.get()).toEqual({});
});
