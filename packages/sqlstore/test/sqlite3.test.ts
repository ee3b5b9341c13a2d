import { testDurableStore, testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { backend, durableBackend } from "./open-sqlite3.js";

testFullStore(it, backend);
testDurableStore(it, durableBackend);
