import { defineConfig } from "vitest/config";

/** Of these tests alone, which share one project of a consumer: in the root, vitest would find it from every package. */
export default defineConfig({
  test: {
    globalSetup: "consumer-setup.ts",
    testTimeout: 600_000, // npm, compilers and child processes, on a machine that may be busy
    hookTimeout: 600_000,
  },
});
