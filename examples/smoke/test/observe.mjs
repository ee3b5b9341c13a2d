// Is loaded into an example before it starts. Notes in a file what is asked of the store, and moves the app's clock by as
// many minutes as another file has bytes.

import { channel } from "node:diagnostics_channel";
import { appendFileSync, statSync } from "node:fs";

const { OBSERVED_CALLS: calls = "", OBSERVED_MINUTES: minutes = "" } = process.env;
/** @param {string} name */
const note = (name) => () => appendFileSync(calls, `${name}\n`);
channel("tracing:scs.session.load:start").subscribe(note("load"));
channel("tracing:scs.session.commit:start").subscribe(note("commit"));

const { now } = Date;
Date.now = () => now() + statSync(minutes).size * 60_000;
