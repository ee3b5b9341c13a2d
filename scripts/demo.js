// npm run demo: installs everything, builds the example application, and runs it in this process.
import { pnpm } from "./pnpm.js";

const app = "@scs/example-express";

/** @param {string[]} args */
function step(...args) {
  const code = pnpm(...args);
  if (code !== 0) process.exit(code);
}

console.log("Installing the packages of the whole repository; the first time, this takes a few minutes.");
step("install", "--frozen-lockfile", "--loglevel", "warn");
step("--filter", `${app}...`, "--reporter-hide-prefix", "--loglevel", "warn", "run", "build");
await import("../examples/express/dist/main.js");
