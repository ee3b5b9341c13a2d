import { testOnCluster, testOnServer } from "../fixtures/conformance.js";

testOnServer("ioredis 6", "in another process");
testOnCluster("ioredis 6");
