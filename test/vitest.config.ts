import { defineConfig } from "vitest/config";

/** Configures only these tests, which share a consumer's project. In the root, vitest would apply it to every package. */
export default defineConfig({
  test: {
    globalSetup: "consumer-setup.ts",
    testTimeout: 600_000, // npm, compilers and child processes, on a machine that may be busy
    hookTimeout: 600_000,
  },
});
