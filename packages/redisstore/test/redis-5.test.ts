import { testDriver } from "./fixtures/conformance.js";

testDriver("redis 5", "in another process");
