/** The result of one check of `doctor`. */
export interface Finding {
  /** The subject of the check. */
  point: string;
  /** `problem`: sessions are lost or wrong, now or later. `warning`: works, but needs attention. */
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
