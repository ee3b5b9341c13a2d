export {
  type MeterLike,
  type OpenTelemetryOptions,
  observeWithOpenTelemetry,
  type SpanLike,
  type TracerLike,
} from "./opentelemetry.js";
export { observeWithPrometheus, type PrometheusClient, type PrometheusOptions } from "./prometheus.js";
