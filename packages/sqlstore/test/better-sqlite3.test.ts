import { testDurableStore, testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { backend, durableBackend } from "./open-better-sqlite3.js";

testFullStore(it, backend);
testDurableStore(it, durableBackend);
