import { testDriver } from "./fixtures/conformance.js";

testDriver("redis 6", "in this process");
