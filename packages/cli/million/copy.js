// Copies a million sessions from SQLite to PostgreSQL, interrupts the copy, resumes it, and prints the time and memory.
//
//     npm run million:copy [-- 1000000 [FILE]]       FILE: a SQLite file that has them already
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { Cluster } from "../../pgstore/test/fixtures/cluster.js";
import { seed } from "./seed.js";

const count = Number(process.argv[2] ?? 1_000_000);
const bin = fileURLToPath(new URL("../dist/bin.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "scs-million-"));
const given = process.argv[3];
const file = given ?? join(folder, "sessions.db");
const seconds = (start) => `${((performance.now() - start) / 1000).toFixed(0)} s`;

/** Runs the command and samples its memory. Interrupts it when the goal has reached `interruptAt` bytes. */
async function scs(args, interruptAt = Number.POSITIVE_INFINITY) {
  const start = performance.now();
  const child = spawn(process.execPath, [bin, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  let [output, peak] = ["", 0];
  child.stdout.on("data", (text) => {
    output += text;
  });
  const memory = setInterval(async () => {
    const status = existsSync(`/proc/${child.pid}/status`)
      ? readFileSync(`/proc/${child.pid}/status`, "utf8")
      : "";
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    if (interruptAt === Number.POSITIVE_INFINITY || (await goalBytes()) <= interruptAt) return;
    interruptAt = Number.POSITIVE_INFINITY; // only once: a second signal would kill the process
    child.kill("SIGINT");
  }, 2_000);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(memory);
  return { code, output: output.trim(), took: seconds(start), peak: `${(peak / 1024).toFixed(0)} MiB` };
}

const cluster = await Cluster.start({ settings: ["fsync = on", "max_wal_size = 4GB"] });
const pool = new pg.Pool({ connectionString: cluster.url });

async function goalBytes() {
  const { rows } = await pool.query(
    "SELECT pg_total_relation_size(to_regclass('sessions'))::float8 AS bytes",
  );
  return rows[0].bytes ?? 0;
}

try {
  const start = performance.now();
  if (given === undefined) seed(file, count);
  console.log(
    `seeded ${count} sessions, ${count / 2} owners' lists: ${seconds(start)}, ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`,
  );
  const [from, to] = [`sqlite:${file}`, cluster.url];
  console.log("interrupted:", await scs(["copy", from, to], count * 200));
  console.log("resumed:", await scs(["copy", from, to]));
  console.log("source:", (await scs(["stats", "--store", from])).output);
  console.log("goal:", (await scs(["stats", "--store", to])).output);
  console.log("doctor:", (await scs(["doctor", "--store", to])).code);
} finally {
  await pool.end();
  await cluster.remove();
  rmSync(folder, { recursive: true });
}
