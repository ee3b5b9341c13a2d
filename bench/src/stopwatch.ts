import { cpuOfTree } from "./server-cpu.js";

/** What passed between start and stop. CPU times in µs. */
export interface Elapsed {
  elapsedMs: number;
  client: number;
  server?: number;
}

/** Starts to measure time and CPU time, and gives the function that stops. */
export function startWatch(serverPid?: number): () => Elapsed {
  const serverBefore = serverPid === undefined ? undefined : cpuOfTree(serverPid);
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  return () => {
    const elapsedMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverAfter = serverPid === undefined ? undefined : cpuOfTree(serverPid);
    const client = user + system;
    if (serverBefore === undefined || serverAfter === undefined) return { elapsedMs, client };
    return { elapsedMs, client, server: serverAfter - serverBefore };
  };
}
