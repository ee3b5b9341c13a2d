/** Time between start and stop. */
export interface Elapsed {
  elapsedMs: number;
  /** CPU time of this process in µs. */
  cpu: number;
}

/** Starts a stopwatch for time and CPU time. Returns the function that stops it. */
export function startWatch(): () => Elapsed {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  return () => {
    const elapsedMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { elapsedMs, cpu: user + system };
  };
}
