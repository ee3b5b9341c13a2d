import { onTestFinished, vi } from "vitest";

/** Replaces timers and clock by vitest's stopped ones for the rest of the test. */
export function stopTime(): void {
  vi.useFakeTimers({
    toFake: [
      "setTimeout",
      "clearTimeout",
      "setInterval",
      "clearInterval",
      "setImmediate",
      "clearImmediate",
      "queueMicrotask",
      "performance",
      "Date",
    ],
    now: 1_000,
  });
  onTestFinished(() => void vi.useRealTimers());
}
