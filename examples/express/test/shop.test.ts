import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunningShop } from "./running-shop.js";

let shop: RunningShop;

beforeAll(async () => {
  shop = await RunningShop.open("--port", "0", "--store", "mem");
});

afterAll(() => shop.stop());

/** A client that sends forms and keeps the session's cookie, like a browser. */
class Visitor {
  cookie = "";

  async get(path: string): Promise<{ status: number; text: string; headers: Headers }> {
    return this.#send(path, {});
  }

  async post(
    path: string,
    form: Record<string, string>,
  ): Promise<{ status: number; text: string; headers: Headers }> {
    return this.#send(path, { method: "POST", body: new URLSearchParams(form) });
  }

  async #send(path: string, init: RequestInit) {
    const response = await fetch(shop.address + path, {
      ...init,
      redirect: "manual",
      headers: { cookie: this.cookie },
    });
    const set = response.headers.get("set-cookie");
    if (set !== null) this.cookie = set.startsWith("session=;") ? "" : (set.split(";")[0] ?? "");
    return { status: response.status, text: await response.text(), headers: response.headers };
  }
}

it("keeps a visitor logged in from one request to the next, under a new token", async () => {
  const visitor = new Visitor();
  await visitor.post("/cart", { product: "honey" });
  const before = visitor.cookie;
  const login = await visitor.post("/login", { name: "Ada", password: "demo" });
  expect(login.status).toBe(303);
  expect(login.headers.get("set-cookie")).toMatch(
    /^session=[\w.-]{66}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  expect(visitor.cookie).not.toBe(before);
  expect(JSON.parse((await visitor.get("/me")).text)).toMatchObject({ user: "Ada", cart: { honey: 1 } });
});

it("shows a message once", async () => {
  const visitor = new Visitor();
  await visitor.post("/login", { name: "Grace", password: "demo" });
  expect((await visitor.get("/")).text).toContain("Welcome, Grace.");
  expect((await visitor.get("/")).text).not.toContain("Welcome, Grace.");
});

it("keeps a cart for each visitor", async () => {
  const [ada, grace] = [new Visitor(), new Visitor()];
  await ada.post("/cart", { product: "coffee" });
  await ada.post("/cart", { product: "coffee" });
  await grace.post("/cart", { product: "teapot" });
  await ada.post("/cart", { product: "coffee", quantity: "-1" });
  expect(JSON.parse((await ada.get("/me")).text).cart).toEqual({ coffee: 1 });
  expect(JSON.parse((await grace.get("/me")).text).cart).toEqual({ teapot: 1 });
});

it("keeps all products that two tabs put into the cart at the same time", async () => {
  const visitor = new Visitor();
  await visitor.post("/cart", { product: "honey" });
  await Promise.all(["coffee", "teapot"].map((product) => visitor.post("/cart", { product })));
  const { cart } = JSON.parse((await visitor.get("/me")).text);
  expect(cart).toEqual({ honey: 1, coffee: 1, teapot: 1 });
});

it("ends the session on log-out, so that the old cookie is worthless", async () => {
  const visitor = new Visitor();
  await visitor.post("/login", { name: "Ada", password: "demo" });
  const stolen = visitor.cookie;
  await visitor.post("/logout", {});
  expect((await visitor.get("/")).text).toContain("You are logged out.");
  visitor.cookie = stolen;
  expect(JSON.parse((await visitor.get("/me")).text).user).toBeUndefined();
});

it("refuses a wrong password, an unknown product and a malformed form", async () => {
  const visitor = new Visitor();
  await visitor.post("/login", { name: "Ada", password: "wrong" });
  expect((await visitor.get("/")).text).toContain("That did not match.");
  await visitor.post("/cart", { product: "__proto__" });
  expect((await visitor.get("/")).text).toContain("The shop does not have that.");
  await visitor.post("/cart", { product: "coffee", quantity: "1.5" });
  expect(JSON.parse((await visitor.get("/me")).text)).toMatchObject({ cart: {} });
  expect((await visitor.get("/nowhere")).status).toBe(404);
});

it("escapes the name of a visitor", async () => {
  const visitor = new Visitor();
  await visitor.post("/login", { name: `<img src=x onerror="1">`, password: "demo" });
  const { text } = await visitor.get("/");
  expect(text).not.toContain("<img");
  expect(text).toContain("Hello, <strong>&#60;img");
});

it("sets no cookie for a visitor who stores nothing", async () => {
  expect((await new Visitor().get("/")).headers.get("set-cookie")).toBeNull();
});

it("prints curl commands that work", async () => {
  const lines = shop.output.match(/curl .*/g) ?? [];
  expect(lines).toHaveLength(3);
  expect(lines.every((line) => line.includes(shop.address))).toBe(true);
});

it.skipIf(process.platform === "win32")(
  "uses another port if the requested one is in use, and stops cleanly on Ctrl-C",
  async () => {
    const { port } = new URL(shop.address);
    const second = await RunningShop.open("--port", port);
    expect(second.output).toContain(`Port ${port} is taken`);
    expect(new URL(second.address).port).not.toBe(port);
    expect((await fetch(second.address)).status).toBe(200);
    expect(await second.stop()).toBe(0);
    expect(second.output).toContain("The shop is closed.");
  },
);

it("lists the available stores when an unknown one is requested", async () => {
  const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
  const failed = promisify(execFile)(process.execPath, [main, "--store", "constructor"]);
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("available: mem"),
  });
});

it("refuses to log out devices of other customers", async () => {
  const [ada, grace] = [new Visitor(), new Visitor()];
  await ada.post("/login", { name: "Ada L", password: "demo" });
  await ada.post("/login", { name: "Ada L", password: "demo" });
  const other = new Visitor();
  await other.post("/login", { name: "Ada L", password: "demo" });
  const [, handle = ""] = /name="handle" value="([^"]+)"/.exec((await ada.get("/")).text) ?? [];
  expect(handle).not.toBe("");
  await grace.post("/login", { name: "Grace H", password: "demo" });
  for (const visitor of [grace, new Visitor()]) {
    await visitor.post("/devices/log-out", { handle });
    expect((await visitor.get("/")).text).toContain("That device is not logged in.");
  }
  await new Visitor().post("/devices/log-out-others", {});
  expect((await other.get("/")).text).toContain("Hello, <strong>Ada L</strong>");
  await ada.post("/devices/log-out", { handle });
  expect((await other.get("/")).text).not.toContain("Hello,");
});
