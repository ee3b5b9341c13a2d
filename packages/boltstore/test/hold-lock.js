// Takes the write lock of the database at a path, says so, and keeps it until it is killed.
import { open } from "lmdb";

const db = open({ path: String(process.argv[2]), noSubdir: true });
db.transactionSync(() => {
  process.send?.("locked");
  // Nothing wakes it: the process stands still within its transaction.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
