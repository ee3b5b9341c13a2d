import { testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { MemStore } from "../src/index.js";

testFullStore(it, {
  open: (options) => new MemStore(options),
  module: new URL("./open.js", import.meta.url),
});
