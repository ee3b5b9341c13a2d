// Takes the write lock of the database at a path, reports it, and holds it until killed.
import { open } from "lmdb";

const db = open({ path: String(process.argv[2]), noSubdir: true });
db.transactionSync(() => {
  process.send?.("locked");
  // Blocks the process within its transaction.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
