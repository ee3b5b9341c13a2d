import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { report, StoreError, warnOncePerCode } from "../src/index.js";
import { collectWarnings } from "./fixtures/process-warnings.js";

describe("StoreError", () => {
  it("has a name, a code, a message and the driver's error as its cause", () => {
    const cause = new Error("ECONNREFUSED");
    const error = new StoreError("UNAVAILABLE", "the database does not answer", { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "StoreError",
      code: "UNAVAILABLE",
      message: "the database does not answer",
      cause,
    });
    expect(error.stack).toMatch(/^StoreError: the database does not answer\n|^Error: the database/);
  });

  it("has no cause property without a cause", () => {
    expect("cause" in new StoreError("CLOSED", "closed")).toBe(false);
  });
});

describe("warnOncePerCode", () => {
  it("warns of the first error of each code, and says how to see all", async () => {
    await using warnings = collectWarnings();
    const onError = warnOncePerCode();
    onError(new StoreError("CORRUPT", "one"));
    onError(new StoreError("CORRUPT", "two"));
    onError(new StoreError("UNAVAILABLE", "three"));
    expect((await warnings.emitted()).map(({ name, code, message }) => ({ name, code, message }))).toEqual([
      {
        name: "StoreError",
        code: "CORRUPT",
        message: "one (further CORRUPT errors are not shown; set onError to see all)",
      },
      {
        name: "StoreError",
        code: "UNAVAILABLE",
        message: "three (further UNAVAILABLE errors are not shown; set onError to see all)",
      },
    ]);
  });

  it("counts for each store separately", async () => {
    await using warnings = collectWarnings();
    warnOncePerCode()(new StoreError("CORRUPT", "in one store"));
    warnOncePerCode()(new StoreError("CORRUPT", "in another"));
    expect(await warnings.emitted()).toHaveLength(2);
  });
});

it("report turns an error of the handler into a warning", async () => {
  const warned = once(process, "warning");
  report(() => {
    throw new Error("a bug of the app");
  }, new StoreError("CORRUPT", "damaged"));
  expect(await warned).toMatchObject([{ message: "a bug of the app" }]);
  const told: StoreError[] = [];
  report((error) => told.push(error), new StoreError("CORRUPT", "damaged"));
  expect(told).toMatchObject([{ code: "CORRUPT" }]);
});

it("report survives a handler that rejects, or throws a value that cannot be printed", async () => {
  for (const [onError, message] of [
    [() => Promise.reject(new Error("of a promise")), "of a promise"],
    [
      () => {
        throw Object.create(null);
      },
      /cannot be told/,
    ],
  ] as const) {
    const warned = once(process, "warning");
    report(onError, new StoreError("CORRUPT", "damaged"));
    const [warning] = await warned;
    expect(warning.message).toMatch(message);
  }
});
