import { testOnServer } from "./fixtures/conformance.js";

testOnServer("ioredis 6", "in another process");
