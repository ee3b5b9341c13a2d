import type { Store } from "@scs/core";
import { Barrier, RaceApp } from "./race-apps.js";

export type Side = "here" | "beside";
export type Race = "changes" | "logOut";

/** An event of a race, sent to the page as it happens. */
export interface RaceEvent {
  race: Race;
  side: Side;
  /** Number of requests that have loaded their session and wait. */
  waiting?: number;
  /** For each change, whether it was kept. Sent at the end. */
  kept?: boolean[];
  /** Whether the old cookie is still logged in after the log-out. */
  isLoggedIn?: boolean;
  ms?: number;
}

/** Number of racing requests. */
export const RACERS = 50;

/** Races 50 requests of one session in two apps with different session libraries, and reports the losses of each. */
export class RaceTrack {
  readonly #store: Store;
  /** The name of the store. */
  readonly storeName: string;
  #apps: Promise<Record<Side, RaceApp>> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(store: Store, storeName: string) {
    this.#store = store;
    this.storeName = storeName;
  }

  /** Runs both races in both apps, for one visitor at a time. */
  run(tell: (event: RaceEvent) => void): Promise<void> {
    const run = this.#running.then(() => this.#run(tell));
    this.#running = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    if (this.#apps === undefined) return;
    const { here, beside } = await this.#apps;
    await Promise.all([here.close(), beside.close()]);
  }

  async #run(tell: (event: RaceEvent) => void): Promise<void> {
    this.#apps ??= this.#open();
    const apps = Object.entries(await this.#apps) as [Side, RaceApp][];
    for (const race of ["changes", "logOut"] as const) {
      await Promise.all(apps.map(([side, app]) => this.#race(race, side, app, tell)));
    }
  }

  async #open(): Promise<Record<Side, RaceApp>> {
    const [here, beside] = await Promise.all([RaceApp.here(this.#store), RaceApp.beside()]);
    return { here, beside };
  }

  async #race(race: Race, side: Side, app: RaceApp, tell: (event: RaceEvent) => void): Promise<void> {
    const start = performance.now();
    const loggedIn = await fetch(`${app.address}/log-in`, { method: "POST" });
    const cookie = String(loggedIn.headers.get("set-cookie")).split(";")[0] ?? "";
    const send = (path: string, method = "POST"): Promise<Response> =>
      fetch(app.address + path, { method, headers: { cookie } });
    let allWait = (): void => undefined;
    const waited = new Promise<void>((resolve) => {
      allWait = resolve;
    });
    app.barrier = new Barrier((waiting) => {
      tell({ race, side, waiting });
      if (waiting === RACERS) allWait();
    });
    const requests = Array.from({ length: RACERS }, async (_, n) =>
      (await send(`/change/${n}`)).arrayBuffer(),
    );
    await waited;
    if (race === "logOut") await (await send("/log-out")).arrayBuffer();
    app.barrier.open();
    await Promise.all(requests);
    const state = (await (await send("/state", "GET")).json()) as { user?: string; changes: boolean[] };
    const ms = Math.round(performance.now() - start);
    const isLoggedIn = state.user !== undefined;
    tell(race === "changes" ? { race, side, kept: state.changes, ms } : { race, side, isLoggedIn, ms });
  }
}
