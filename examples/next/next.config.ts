import type { NextConfig } from "next";

const config: NextConfig = {
  // Pages, Route Handlers and the proxy are bundles of their own: loaded by Node.js, of each package there is one.
  serverExternalPackages: ["@scs/core", "@scs/memstore", "@scs/session"],
};

export default config;
