#!/usr/bin/env node
import { run } from "./program.js";

// The reader of a pipe, such as head, may close it early.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await run(process.argv.slice(2));
// Exits after all output was written: the app's configuration module may have left a pool open.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
