import { testInTools } from "../../../test/store-in-tools.js";
import { openHybridStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

testInTools("hybridstore", (options) => openHybridStore(makeDirectory(), options));
