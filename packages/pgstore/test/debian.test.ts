import { testFullStore } from "@scs/testkit";
import { it } from "vitest";
import { backend } from "./backend.js";
import { debianBin } from "./fixtures/cluster.js";
import { useCluster } from "./fixtures/server.js";

const bin = await debianBin();

if (bin === undefined) {
  it.skip("the kit on Debian's PostgreSQL: none is in /usr/lib/postgresql");
} else {
  useCluster({ bin });
  testFullStore(it, backend);
}
