import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

// Shares out the time that the applications of `--http --cpu-prof FOLDER` were busy:
//   node dist/profile-shares.js FOLDER

/** What `node --cpu-prof` writes. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

type Kind = "manager and store" | "app and framework" | "node" | "garbage collection";

const OURS = /\/packages\/\w+\/dist\/|\/node_modules\/(cookie|devalue)\//;

/** How the time that a server was busy is shared. What node does for the manager, such as a hash, is the manager's. */
function shares({ nodes, samples, timeDeltas }: CpuProfile): Record<Kind, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const kindOf = (id: number): Kind | undefined => {
    const name = byId.get(id)?.callFrame.functionName;
    if (name === "(idle)") return undefined;
    if (name === "(garbage collector)") return "garbage collection";
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = byId.get(at)?.callFrame.url ?? "";
      if (/^node:(_http|net|internal\/(stream_base|streams|http))/.test(url)) return "node"; // it writes the response
      if (OURS.test(url)) return "manager and store";
      if (url.startsWith("file:") || url.startsWith("/")) return "app and framework";
    }
    return "node";
  };
  const times: Record<Kind, number> = {
    "manager and store": 0,
    "app and framework": 0,
    node: 0,
    "garbage collection": 0,
  };
  for (const [at, id] of samples.entries()) {
    const kind = kindOf(id);
    if (kind !== undefined) times[kind] += timeDeltas[at] ?? 0;
  }
  const total = Object.values(times).reduce((sum, time) => sum + time, 0);
  for (const kind of Object.keys(times) as Kind[]) times[kind] /= total;
  return times;
}

const [folder = "."] = process.argv.slice(2);
for (const file of (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile")).sort()) {
  const profile = JSON.parse(await readFile(join(folder, file), "utf8")) as CpuProfile;
  const shown = Object.entries(shares(profile)).map(
    ([what, share]) => `${what} ${(share * 100).toFixed(0)} %`,
  );
  console.log(`${file}: ${shown.join(", ")}`);
}
