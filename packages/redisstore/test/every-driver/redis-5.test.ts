import { testOnCluster, testOnServer } from "../fixtures/conformance.js";

testOnServer("redis 5", "in another process");
testOnCluster("redis 5");
