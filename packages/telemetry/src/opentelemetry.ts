import { observe } from "./channels.js";

/** The parts of `Meter` of `@opentelemetry/api` that are used. */
export interface MeterLike {
  createCounter(
    name: string,
    options: object,
  ): { add(value: number, attributes?: Record<string, string>): void };
  createHistogram(
    name: string,
    options: object,
  ): { record(value: number, attributes?: Record<string, string>): void };
}

/** The parts of `Span` of `@opentelemetry/api` that are used. */
export interface SpanLike {
  setAttribute(name: string, value: string): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

/** The parts of `Tracer` of `@opentelemetry/api` that are used. */
export interface TracerLike {
  startSpan(name: string, options?: object): SpanLike;
}

/** Options of the OpenTelemetry metrics and spans. */
export interface OpenTelemetryOptions {
  /** The result of `metrics.getMeter("@scs/session")`. Without it, there are no metrics. */
  meter?: MeterLike;
  /** The result of `trace.getTracer("@scs/session")`. Without it, there are no spans. */
  tracer?: TracerLike;
}

/** `SpanStatusCode.ERROR` of the OpenTelemetry specification. */
const ERROR = 2;
/** Histogram boundaries in seconds, as the semantic conventions advise for database clients. */
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/**
 * Records metrics and spans of all session managers and stores in the process. Follows the semantic conventions: the
 * attribute `error.type`, and durations in seconds. A span is a child of the active one.
 *
 * @returns A function that stops the recording.
 */
export function observeWithOpenTelemetry({ meter, tracer }: OpenTelemetryOptions): () => void {
  const events = meter?.createCounter("scs.session.events", {
    description: "Sessions begun, renewed, ended and revoked, conflicts, and unknown tokens",
    unit: "{event}",
  });
  const operations = meter?.createHistogram("scs.session.operation.duration", {
    ...{ description: "Time that a request waits for its session to be loaded or saved", unit: "s" },
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const removed = meter?.createCounter("scs.store.cleanup.removed", {
    ...{ description: "Expired records that cleanups removed", unit: "{record}" },
  });
  const cleanups = meter?.createHistogram("scs.store.cleanup.duration", {
    ...{ description: "Time that a cleanup took", unit: "s" },
    advice: { explicitBucketBoundaries: [...SECONDS, 60, 600] },
  });
  return observe({
    onEvent(event, reason) {
      events?.add(1, { "scs.session.event": event, ...(reason && { "scs.session.reason": reason }) });
    },
    onCleanup(store, count, durationMs) {
      removed?.add(count, { "scs.store.name": store });
      cleanups?.record(durationMs / 1000, { "scs.store.name": store });
    },
    onOperation(operation) {
      const start = performance.now();
      const span = tracer?.startSpan(`session ${operation}`, {
        attributes: { "scs.session.operation": operation },
      });
      return (failure) => {
        const attributes = { "scs.session.operation": operation, ...(failure && { "error.type": failure }) };
        operations?.record((performance.now() - start) / 1000, attributes);
        if (failure !== undefined) {
          span?.setAttribute("error.type", failure);
          span?.setStatus({ code: ERROR });
        }
        span?.end();
      };
    },
  });
}
