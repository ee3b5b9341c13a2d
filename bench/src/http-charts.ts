import { barChart } from "./bar-chart.js";
import type { Chart } from "./charts.js";
import type { HttpRow } from "./http.js";
import { ROUTES } from "./http-contender.js";
import { summarise } from "./results.js";
import { showRate } from "./statistics.js";

const SERIES = [
  { name: "@scs/session on the store", role: "ours" },
  { name: "express-session on the fastest peer as durable", role: "peer" },
  { name: "no sessions", role: "limit" },
] as const;

/** Requests a second by store, a chart for each route of the stack that was measured first. */
export function httpCharts(rows: readonly HttpRow[]): Chart[] {
  const [first] = rows;
  const shown = rows.filter(
    ({ stack, connections }) => stack === first?.stack && connections === first.connections,
  );
  const stores = [...new Set(shown.map(({ store }) => store))];
  const rate = (route: string, store: string, role: string) => {
    const ofStore = shown.filter((row) => row.route === route && row.store === store);
    const promised = ofStore.find((row) => row.role === "ours")?.durability;
    const medians = ofStore
      .filter((row) => row.role === role && (role === "limit" || row.durability === promised))
      .flatMap(({ rounds }) => summarise(rounds).perSecond?.median ?? []);
    // Of ours the store as it is by default, which comes first.
    return role === "ours" || medians.length === 0 ? medians[0] : Math.max(...medians);
  };
  return ROUTES.filter((route) => shown.some((row) => row.route === route)).map((route) => {
    const groups = stores.map((store) => ({
      name: store,
      values: SERIES.map(({ role }) => rate(route, store, role)),
    }));
    const alternative = groups
      .map(({ name, values }) => {
        const parts = values.flatMap((value, index) =>
          value === undefined ? [] : `${SERIES[index]?.name} ${showRate(value)}`,
        );
        return `${name}: ${parts.join(", ")}`;
      })
      .join("; ");
    const title = `HTTP, ${first?.stack}, ${route}: requests a second, ${first?.connections} connections (powers of ten)`;
    return {
      name: `http-${route}`,
      svg: barChart({ title, alternative, series: SERIES, groups }),
      alternative,
    };
  });
}
