import { testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { open } from "./modules/open-encrypted.js";

testFullStore(it, { open, module: new URL("./modules/open-encrypted.js", import.meta.url) });
