import { testInTools } from "../../../test/store-in-tools.js";
import { FileStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

testInTools("filestore", (options) => new FileStore(makeDirectory(), options));
