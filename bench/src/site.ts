import type { Servers } from "./servers.js";

/** What a measurement tells while it goes on. */
export interface Progress {
  /** How many steps there will be. */
  start(steps: number): void;
  /** Called when a step begins. */
  step(what: string): void;
}

/** Where a measurement takes place. */
export interface Site {
  /** Below it, each contender has a directory of its own. Who began the run removes it. */
  directory: string;
  servers: Servers;
  progress: Progress;
}
