import { readFile } from "node:fs/promises";
import type { Express } from "express";
import { racePage } from "./race-page.js";
import type { RaceTrack } from "./race-track.js";

const script = new URL("../../assets/race.js", import.meta.url);

/** Adds the page of the race, and the route that runs it and streams its events as lines of JSON. */
export function addRaceRoutes(app: Express, track: RaceTrack): void {
  app.get("/race", (_req, res) => {
    res.send(racePage(track.storeName));
  });
  app.get("/race.js", async (_req, res) => {
    res.type("text/javascript").send(await readFile(script, "utf8"));
  });
  app.post("/race", async (_req, res) => {
    res.set({ "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" });
    await track.run((event) => res.write(`${JSON.stringify(event)}\n`));
    res.end();
  });
}
