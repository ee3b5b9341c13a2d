/** What `doctor` says of one point. */
export interface Finding {
  /** What was looked at. */
  point: string;
  /** `problem`: sessions are, or will be, lost or wrong. `warning`: it works, and should be looked at. */
  status: "ok" | "warning" | "problem";
  detail: string;
}

export function ok(point: string, detail: string): Finding {
  return { point, status: "ok", detail };
}

export function warning(point: string, detail: string): Finding {
  return { point, status: "warning", detail };
}

export function problem(point: string, detail: string): Finding {
  return { point, status: "problem", detail };
}
