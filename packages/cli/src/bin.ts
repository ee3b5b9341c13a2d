#!/usr/bin/env node
import { run } from "./program.js";

// The reader of a pipe, such as head, may have seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await run(process.argv.slice(2));
// What is left open is the app's own: a pool of its configuration module. Its output has been written.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
