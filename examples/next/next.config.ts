import type { NextConfig } from "next";

const config: NextConfig = {
  // Next.js bundles pages, Route Handlers and the proxy separately: loaded by Node.js instead, each package is there once.
  serverExternalPackages: ["@scs/core", "@scs/memstore", "@scs/session"],
};

export default config;
