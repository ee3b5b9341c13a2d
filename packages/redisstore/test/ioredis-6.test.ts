import { testDriver } from "./fixtures/conformance.js";

testDriver("ioredis 6", "in another process");
