/** A string of HTML, which is not escaped again. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[];

/** Creates HTML from a template. Escapes inserted values, except HTML. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  const escaped = (part: Part): string => {
    if (part instanceof Html) return part.text;
    if (typeof part === "object") return part.map(escaped).join("");
    return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  };
  return new Html(String.raw({ raw: strings }, ...parts.map(escaped)));
}

export const nothing: Html = new Html("");

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Shows a time relative to now, because the server does not know the visitor's time zone. The exact time is the title. */
export function ago(date: Date, now: number = Date.now()): Html {
  const ms = date.getTime() - now;
  const [unit, length] = UNITS.find(([, each]) => Math.abs(ms) >= each) ?? [];
  const text =
    unit === undefined || length === undefined ? "just now" : relative.format(Math.round(ms / length), unit);
  return html`<time datetime="${date.toISOString()}" title="${date.toUTCString()}">${text}</time>`;
}
