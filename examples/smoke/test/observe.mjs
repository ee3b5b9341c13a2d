// Loaded into an example before it starts: writes each call of the store to one file, and sets the example's clock ahead
// by as many minutes as another file has bytes.

import { channel } from "node:diagnostics_channel";
import { appendFileSync, statSync } from "node:fs";

const { OBSERVED_CALLS: calls = "", OBSERVED_MINUTES: minutes = "" } = process.env;
/** @param {string} name */
const note = (name) => () => appendFileSync(calls, `${name}\n`);
channel("tracing:scs.session.load:start").subscribe(note("load"));
channel("tracing:scs.session.commit:start").subscribe(note("commit"));

const { now } = Date;
Date.now = () => now() + statSync(minutes).size * 60_000;
