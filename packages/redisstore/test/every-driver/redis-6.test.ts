import { testOnCluster, testOnServer } from "../fixtures/conformance.js";

testOnServer("redis 6", "in this process");
testOnCluster("redis 6");
