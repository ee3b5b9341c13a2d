import { testFullStore } from "@scs/testkit";
import { expect, it } from "vitest";
import { MyStore } from "../src/index.js";

testFullStore(it, {
  open: (options) => new MyStore(options),
  module: new URL("./open.js", import.meta.url),
});

it("refuses an unknown option", () => {
  expect(() => new MyStore({ cleanupInterval: 1000 } as object)).toThrow("did you mean cleanupIntervalMs?");
});
