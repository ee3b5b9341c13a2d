import { defineConfig } from "vitest/config";

/** Of the tests in `test`, which share one project of a consumer; each package has its own settings in package.json. */
export default defineConfig({
  test: {
    dir: "test",
    globalSetup: "test/consumer-setup.ts",
    testTimeout: 600_000, // npm, compilers and child processes, on a machine that may be busy
    hookTimeout: 600_000,
  },
});
