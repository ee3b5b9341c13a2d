import { testOnCluster } from "./fixtures/conformance.js";

testOnCluster("redis 6");
