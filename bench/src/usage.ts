import { ROUTES, STACKS } from "./http-contender.js";
import { MIX_IN_FLIGHT, OPERATIONS } from "./operation.js";

/** What a run has, unless the command line says otherwise. */
export const DEFAULTS = {
  sessions: 10_000,
  size: 256,
  rounds: 5,
  inFlight: [64, 1],
  connections: 32,
  measureMs: 100,
  httpMs: 1_000,
} as const;

export const USAGE: string = `npm run bench -- [options]

A list (…) is parted by commas, or the option is given several times.

  --store NAME,…       stores to measure, each with the peers and limits that belong to it; default: all
  --op NAME,…          operations: ${OPERATIONS.join(", ")};
                       commit stands for insert and update; default: all
  --size BYTES,…       size of a session; default: ${DEFAULTS.size}
  --sessions NUMBER    how many sessions there are; with --growth and --cleanup a list; default: ${DEFAULTS.sessions}
  --in-flight NUMBER,… calls in flight; default: ${DEFAULTS.inFlight}, and ${MIX_IN_FLIGHT.join(",")} for the mix; with --http
                       connections; default: ${DEFAULTS.connections}
  --rounds NUMBER      default: ${DEFAULTS.rounds}
  --ms NUMBER          how long a cell is measured in each round at least; default: ${DEFAULTS.measureMs}; with --http ${DEFAULTS.httpMs}
  --only NAME,…        of the contenders, these alone
  --with FILE,…        modules with more contenders
  --growth             instead: each store from a thousand sessions to a million
  --processes NUMBER,… instead: so many processes on one backend
  --http               instead: requests to an application, by store
  --stack NAME,…       with --http: ${STACKS.join(", ")}; default: ${STACKS[0]}
  --route NAME,…       with --http: ${ROUTES.join(", ")}; default: all
  --cleanup            instead: pgstore's sweep of a million sessions, half of them expired, beside a writer
  --quick              one short round, to see that everything works
  --json FILE          writes what was measured, raw
  --add FILE           begins with what that file has, and puts what is measured in its place
  --compare FILE       marks the ratios that differ by more than 30 % from those of that file
  --out FOLDER         writes tables and charts
  --show FILE          measures nothing: shows what that file has
  --cpu-prof FOLDER    lets each contender write a CPU profile`;
