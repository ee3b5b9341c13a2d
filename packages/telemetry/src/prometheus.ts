import { observe } from "./channels.js";

/** The parts of the module `prom-client` that are used. */
export interface PrometheusClient {
  Counter: new (
    // biome-ignore lint/suspicious/noExplicitAny: the types of configurations differ between versions of prom-client
    configuration: any,
  ) => { inc(labels: Record<string, string>, value?: number): void };
  Histogram: new (
    // biome-ignore lint/suspicious/noExplicitAny: the types of configurations differ between versions of prom-client
    configuration: any,
  ) => { observe(labels: Record<string, string>, value: number): void };
}

/** Options of the Prometheus metrics. */
export interface PrometheusOptions {
  /** The module `prom-client`. */
  client: PrometheusClient;
  /** Registries of the metrics. @default the global registry of `prom-client` */
  registers?: readonly unknown[];
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/**
 * Registers and updates metrics of all session managers and stores in the process. Call it once.
 *
 * @returns A function that stops the updates. The metrics stay registered.
 */
export function observeWithPrometheus({ client, registers }: PrometheusOptions): () => void {
  const where = registers === undefined ? {} : { registers };
  const events = new client.Counter({
    ...{ name: "scs_session_events_total", labelNames: ["event", "reason"], ...where },
    help: "Sessions begun, renewed, ended and revoked, conflicts, and unknown tokens",
  });
  const operations = new client.Histogram({
    ...{ name: "scs_session_operation_duration_seconds", labelNames: ["operation", "error"], ...where },
    help: "Time that a request waits for its session to be loaded or saved",
    buckets: SECONDS,
  });
  const removed = new client.Counter({
    ...{ name: "scs_store_cleanup_removed_total", labelNames: ["store"], ...where },
    help: "Expired records that cleanups removed",
  });
  const cleanups = new client.Histogram({
    ...{ name: "scs_store_cleanup_duration_seconds", labelNames: ["store"], ...where },
    help: "Time that a cleanup took",
    buckets: [...SECONDS, 60, 600],
  });
  return observe({
    onEvent: (event, reason = "") => events.inc({ event, reason }),
    onCleanup(store, count, durationMs) {
      removed.inc({ store }, count);
      cleanups.observe({ store }, durationMs / 1000);
    },
    onOperation(operation) {
      const start = performance.now();
      return (error = "") => operations.observe({ operation, error }, (performance.now() - start) / 1000);
    },
  });
}
