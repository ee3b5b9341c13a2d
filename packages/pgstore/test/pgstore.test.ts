import { testDurableStore, testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { backend, durableBackend } from "./backend.js";
import { useServer } from "./fixtures/server.js";

useServer();
testFullStore(it, backend);
testDurableStore(it, durableBackend);
