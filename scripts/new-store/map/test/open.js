// Opens stores for the processes of the kit.
import { MyStore } from "@scs/mystore";

/** @type {import("@scs/testkit").Open<MyStore>} */
export const open = (options) => new MyStore(options);
