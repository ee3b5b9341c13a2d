import { cpuOfTree } from "./server-cpu.js";

/** A server whose work is measured beside that of the process. */
export interface ServerMeter {
  pid: number;
  /** How many statements it has carried out, where that is counted: then times are not to be used. */
  statements?(): Promise<number>;
}

/** What passed between start and stop. CPU times in µs. */
export interface Elapsed {
  elapsedMs: number;
  client: number;
  server?: number;
  statements?: number;
}

/** Starts to measure time and CPU time, and gives the function that stops, at once, and then tells. */
export async function startWatch(meter?: ServerMeter): Promise<() => Promise<Elapsed>> {
  const statementsBefore = await meter?.statements?.();
  const serverBefore = meter && cpuOfTree(meter.pid);
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  return async () => {
    const elapsedMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverAfter = meter && cpuOfTree(meter.pid);
    const elapsed: Elapsed = { elapsedMs, client: user + system };
    if (serverBefore !== undefined && serverAfter !== undefined) elapsed.server = serverAfter - serverBefore;
    const statementsAfter = await meter?.statements?.();
    if (statementsBefore !== undefined && statementsAfter !== undefined)
      elapsed.statements = statementsAfter - statementsBefore;
    return elapsed;
  };
}
