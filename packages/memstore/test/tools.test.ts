import { testInTools } from "../../../test/store-in-tools.js";
import { MemStore } from "../src/index.js";

testInTools("memstore", (options) => new MemStore(options));
