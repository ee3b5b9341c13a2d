import { testOnCluster, testOnServer } from "../fixtures/conformance.js";

testOnServer("ioredis 5", "in this process");
testOnCluster("ioredis 5");
