import type { Results } from "./results.js";
export interface Chart {
  name: string;
  svg: string;
}
export function chartsOf(_results: Results): Chart[] {
  return [];
}
