import type { NextConfig } from "next";

const config: NextConfig = {
  // Next.js bundles pages, Route Handlers and the proxy separately. Packages loaded by Node.js exist only once.
  serverExternalPackages: ["@scs/core", "@scs/memstore", "@scs/session"],
};

export default config;
