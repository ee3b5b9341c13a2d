// Opens the store in a directory on request, reports the outcome, and stays until killed.
import { openHybridStore } from "@scs/hybridstore";

/** @type {unknown} */
let store; // never disposed of
process.on("message", async () => {
  try {
    const opened = await openHybridStore(String(process.argv[2]), { cleanupIntervalMs: 0 });
    await opened.commit("of the contender", new Uint8Array(1), new Date(4_000_000_000_000));
    store = opened;
    process.send?.(store === undefined ? "" : "opened");
  } catch (error) {
    process.send?.(/** @type {import("@scs/core").StoreError} */ (error).code);
  }
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
