import { testDriver } from "./fixtures/conformance.js";

testDriver("ioredis 5", "in this process");
