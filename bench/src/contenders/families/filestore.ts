import { join } from "node:path";
import type { ContenderKind, Family } from "../../harness/contender.js";
import { ourStore } from "../our-store.js";
import { sessionFileStore } from "../session-file-store.js";

function fileStore(name: string, durability: "flushed" | "committed"): ContenderKind[] {
  return ourStore({
    name,
    durability: durability === "flushed" ? "flushed" : "process",
    package: "@scs/filestore",
    open: async ({ directory }, options) => {
      const { FileStore } = await import("@scs/filestore");
      return new FileStore(join(directory, "files"), { ...options, durability });
    },
  });
}

export default {
  store: "filestore",
  contenders: [
    ...fileStore("filestore", "flushed"),
    ...fileStore("filestore (committed)", "committed"),
    sessionFileStore,
  ],
} satisfies Family as Family;
