import { join } from "node:path";
import { testInTools } from "../../../test/store-in-tools.js";
import { openBoltStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

testInTools("boltstore", (options) => openBoltStore(join(makeDirectory(), "file"), options));
