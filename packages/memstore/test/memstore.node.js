// Runs the checks under Node's own test runner, on the built package.
import { it } from "node:test";
import { testFullStore } from "@scs/testkit";
import { open } from "./open.js";

testFullStore(it, { open, module: new URL("./open.js", import.meta.url) });
