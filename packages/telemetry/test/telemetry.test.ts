import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";
import * as client from "prom-client";
import { afterEach, expect, it } from "vitest";
import { observeWithOpenTelemetry, observeWithPrometheus } from "../src/index.js";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface User {
  user: string;
  page: number;
}

/** Causes a log-in, a renewal, a conflict, a log-out, an unknown token, a failing store, and a cleanup. */
async function liveThrough(): Promise<string[]> {
  let now = 1_900_000_000_000;
  const store = new MemStore({ now: () => now, cleanupIntervalMs: 0 });
  const sessions = new SessionManager<User>({
    ...{ store, now: () => now, owner: ({ user }) => user, lifetimeMs: 1000, onError: () => undefined },
  });
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("user", "ada@example.org"));
  await sessions.renew(session);
  const [one, two] = [await sessions.load(session.token), await sessions.load(session.token)];
  await sessions.commit(one.set("page", 1));
  await sessions.commit(two.set("page", 2));
  await sessions.destroy(two);
  await sessions.load(`${"a".repeat(22)}.${"b".repeat(43)}`);
  const other = await sessions.load(undefined);
  await sessions.commit(other.set("user", "grace@example.org"));
  now += 1000;
  await sessions.gc();
  const { find } = store;
  store.find = () => Promise.reject(Object.assign(new Error("gone"), { code: "UNAVAILABLE" }));
  await sessions.load(other.token).catch(() => undefined);
  store.find = find;
  return [String(session.token), String(other.token), "ada@", "grace@"];
}

it("passes counters, durations and spans to OpenTelemetry's SDK, and no secret", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const meters = new MeterProvider({ readers: [reader] });
  const spans = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracer = tracers.getTracer("test");
  ends.push(observeWithOpenTelemetry({ meter: meters.getMeter("test"), tracer }), () => context.disable());
  const request = tracer.startSpan("GET /");
  const secrets = await context.with(trace.setSpan(context.active(), request), liveThrough);
  request.end();

  await reader.forceFlush();
  const metrics = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const pointsOf = (name: string) =>
    metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  const events = pointsOf("scs.session.events").map(({ attributes, value }) => [
    [attributes["scs.session.event"], attributes["scs.session.reason"]].filter(Boolean).join(" "),
    value,
  ]);
  expect(Object.fromEntries(events)).toMatchObject({
    ...{ created: 2, renewed: 1, conflict: 1, "destroyed destroyed": 1 },
  });
  const durations = pointsOf("scs.session.operation.duration");
  const failed = durations.find(({ attributes }) => attributes["error.type"] === "UNAVAILABLE");
  expect(failed).toMatchObject({ attributes: { "scs.session.operation": "load" }, value: { count: 1 } });
  expect(pointsOf("scs.store.cleanup.removed")).toMatchObject([
    { attributes: { "scs.store.name": "MemStore" }, value: 2 },
  ]);
  const finished = spans.getFinishedSpans().filter(({ name }) => name.startsWith("session "));
  expect(new Set(finished.map(({ name }) => name))).toEqual(new Set(["session load", "session commit"]));
  for (const { parentSpanContext } of finished) {
    expect(parentSpanContext?.spanId, "a child of the request").toBe(request.spanContext().spanId);
  }
  expect(finished.filter(({ status }) => status.code === 2)).toHaveLength(1);
  const all = JSON.stringify([
    metrics,
    finished.map(({ name, attributes, events: of }) => [name, attributes, of]),
  ]);
  for (const secret of secrets) expect(all).not.toContain(secret);
  await Promise.all([meters.shutdown(), tracers.shutdown()]);
});

it("passes counters and durations to prom-client, and no secret", async () => {
  const registry = new client.Registry();
  const end = observeWithPrometheus({ client, registers: [registry] });
  const secrets = await liveThrough();
  const text = await registry.metrics();
  for (const line of [
    'scs_session_events_total{event="created",reason=""} 2',
    'scs_session_events_total{event="renewed",reason=""} 1',
    'scs_session_events_total{event="conflict",reason=""} 1',
    'scs_session_events_total{event="destroyed",reason="destroyed"} 1',
    'scs_session_operation_duration_seconds_count{operation="load",error="UNAVAILABLE"} 1',
    'scs_store_cleanup_removed_total{store="MemStore"} 2',
  ]) {
    expect(text).toContain(line);
  }
  for (const secret of secrets) expect(text).not.toContain(secret);
  end();
  await liveThrough();
  expect(await registry.metrics(), "nothing is observed after the end").toBe(text);
});
