import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

export default defineConfig({
  // SvelteKit refuses forms of other origins, and takes its own for one of https unless it is told.
  plugins: [sveltekit({ adapter: adapter(), paths: { origin: process.env.ORIGIN } })],
});
