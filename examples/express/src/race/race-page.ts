import { type Html, html } from "../html.js";
import { page } from "../pages.js";
import { RACERS, type Race, type Side } from "./race-track.js";

function lane(race: Race, side: Side, name: string): Html {
  const cells = Array.from({ length: RACERS }, (_, n) => html`<span>${n + 1}</span>`);
  return html`<section class="card" aria-label="${name}" data-race="${race}" data-side="${side}"><h3>${name}</h3>
<div class="cells" aria-hidden="true">${cells}</div><p class="verdict" role="status"></p><p class="soft figures"></p></section>`;
}

/** Returns the page that races 50 requests of one visitor, on our manager and on express-session. */
export function racePage(storeName: string): string {
  const [ours, theirs] = [`@scs/session on ${storeName}store`, "express-session on its MemoryStore"];
  return page(
    "A race",
    html`<header><h1>A race</h1><a href="/">Back to the shop</a></header>
<main>
<p>Two apps with the same routes. In each, ${RACERS} requests of one visitor load the session, wait for a database, and change it: each
another key. The second time the visitor logs out while they wait. What is left?</p>
<p><button id="start">Start the race</button></p>
<h2>${RACERS} changes at once: how many are kept?</h2>
<div class="race">${lane("changes", "here", ours)}${lane("changes", "beside", theirs)}</div>
<h2>A log-out while ${RACERS} requests are under way: does it hold?</h2>
<div class="race">${lane("logOut", "here", ours)}${lane("logOut", "beside", theirs)}</div>
</main>
<footer class="soft">Real requests over HTTP, just now, on this machine. The code is in <code>examples/express/src/race</code>.</footer>
<script src="/race.js"></script>`,
  );
}
