import { onTestFinished } from "vitest";
import { newDirectory } from "./open.js";

/** Makes a directory that is removed after the test. */
export function makeDirectory(): string {
  return newDirectory({ defer: (tidy) => onTestFinished(async () => void (await tidy())) });
}
