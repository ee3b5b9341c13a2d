import type { Call } from "@scs/core/kit";
import type { Parameter, Step } from "./drivers/handle.js";
import { toJulianDay } from "./julian-day.js";
import type { SessionTable } from "./session-table.js";

type Statement = "commit" | "insert" | "update" | "delete";

/** Returns one step for each kind of write in `calls`, which have different tokens. `now` is a Julian day. */
export function stepsOf(calls: readonly Call[], table: SessionTable, now: number): Step[] {
  const rows = new Map<Statement, (readonly Parameter[])[]>();
  for (const call of calls) {
    const [statement, row] = rowOf(call);
    const others = rows.get(statement);
    if (others === undefined) rows.set(statement, [row]);
    else others.push(row);
  }
  return [...rows].map(([statement, ofOneKind]) => ({
    statement: table[statement],
    rows: ofOneKind,
    ...(statement === "insert" || statement === "update"
      ? { tail: [now], asks: "which" as const }
      : { tail: [], asks: statement === "commit" ? ("all" as const) : ("nothing" as const) }),
  }));
}

function rowOf(call: Call): [Statement, readonly Parameter[]] {
  const { kind, token } = call;
  switch (kind) {
    case "commit":
      return ["commit", [token, call.data, toJulianDay(call.expiry)]];
    case "replace":
      return call.previous === undefined
        ? ["insert", [token, call.data, toJulianDay(call.expiry)]]
        : ["update", [token, call.previous, call.data, toJulianDay(call.expiry)]];
    case "touch":
      return ["update", [token, null, null, toJulianDay(call.expiry)]];
    default:
      return ["delete", [token]];
  }
}
