/** Colours that can be told apart on white and on black, and by those who see few colours by their order alone. */
const PALETTE = [
  "#1f77b4",
  "#d1660a",
  "#2a8a3c",
  "#8a5fc0",
  "#b3457a",
  "#6f7a80",
  "#a07d10",
  "#118a8f",
  "#c2413a",
  "#4a5fd0",
];
const DARK = [
  "#6cb4ee",
  "#ff9f4a",
  "#6fcf83",
  "#c3a3f0",
  "#f08bb8",
  "#aab6bd",
  "#e0bd4d",
  "#5fd0d4",
  "#ff8f88",
  "#9aa8ff",
];

export const colourClass = (index: number): string => `c${index % PALETTE.length}`;

/** Text as it may stand in XML. */
export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/**
 * A whole picture. It is as wide as there is room, has no script, and says in words what it shows. Light and dark are
 * the reader's choice.
 */
export function picture(
  {
    width,
    height,
    title,
    alternative,
  }: { width: number; height: number; title: string; alternative: string },
  parts: readonly string[],
): string {
  const colours = (palette: readonly string[]) =>
    palette.map((colour, index) => `.c${index}{fill:${colour};stroke:${colour}}`).join("");
  const style =
    `text{font:12px system-ui,sans-serif;fill:#1f2328;stroke:none}.title{font-size:14px;font-weight:600}` +
    `.faint{fill:#59636e}.rule{stroke:#d1d9e0;stroke-width:1}.ground{fill:#fff}.line{fill:none;stroke-width:2}` +
    colours(PALETTE) +
    `@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.rule{stroke:#3d444d}.ground{fill:#0d1117}${colours(DARK)}}` +
    `.line{fill:none}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title what">`,
    `<title id="title">${escapeXml(title)}</title>`,
    `<desc id="what">${escapeXml(alternative)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="12" y="22">${escapeXml(title)}</text>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** The powers of ten that hold the values between them. */
export function decades(values: readonly number[]): { from: number; to: number } {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const from = Math.floor(Math.min(...logs));
  return { from, to: Math.max(from + 1, Math.ceil(Math.max(...logs))) };
}

/** Where on a scale of powers of ten a value lies, from 0 to 1. */
export function position(value: number, { from, to }: { from: number; to: number }): number {
  return (Math.log10(value) - from) / (to - from);
}
