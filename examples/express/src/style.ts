import { Html } from "./html.js";

/** The style sheet of every page, for light and dark. */
export const style: Html = new Html(`
  :root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --line: #dde2ea; --page: #f4f6f9; --card: #fff; --accent: #0b6e4f; --on-accent: #fff; --good: #e3f5ec; --bad: #fde8e6; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #9aa5b5; --line: #2d3643; --page: #12171f; --card: #1a212c; --accent: #3fbf92; --on-accent: #06251a; --good: #12372a; --bad: #44201d; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
  header, main, footer { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem; }
  header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; flex-wrap: wrap; padding-top: 1.75rem; }
  h1 { font-size: 1.6rem; margin: 0; letter-spacing: -0.02em; }
  h2 { font-size: 1.05rem; margin: 0 0 0.75rem; }
  p { margin: 0; }
  .soft { color: var(--soft); font-size: 0.9rem; }
  .columns { display: grid; grid-template-columns: 3fr 2fr; gap: 1.25rem; align-items: start; }
  @media (max-width: 45rem) { .columns { grid-template-columns: 1fr; } }
  .card { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; padding: 1.25rem; }
  .flash { border-radius: 0.75rem; padding: 0.75rem 1.25rem; margin-bottom: 1.25rem; background: var(--good); }
  .flash.bad { background: var(--bad); }
  ul { list-style: none; margin: 0; padding: 0; }
  li { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: 0.75rem 0; border-top: 1px solid var(--line); }
  li:first-child { border-top: 0; padding-top: 0; }
  li:last-child { padding-bottom: 0; }
  .amount { margin-left: auto; font-variant-numeric: tabular-nums; white-space: nowrap; }
  form { display: flex; gap: 0.5rem; align-items: center; flex-wrap: wrap; margin: 0; }
  label { display: grid; gap: 0.25rem; font-size: 0.85rem; color: var(--soft); flex: 1 1 8rem; }
  input { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.5rem 0.75rem; width: 100%; }
  button { font: inherit; font-weight: 600; border: 1px solid transparent; border-radius: 0.5rem; padding: 0.5rem 0.9rem; background: var(--accent); color: var(--on-accent); cursor: pointer; white-space: nowrap; }
  a { color: var(--accent); }
  nav { display: flex; gap: 1rem; }
  button.quiet { background: transparent; color: var(--accent); border-color: var(--line); }
  button.small { padding: 0.1rem 0.6rem; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .total { font-weight: 600; }
  .side { display: grid; gap: 1.25rem; }
  .login { align-items: end; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: 0.6rem 0.75rem 0.6rem 0; border-top: 1px solid var(--line); }
  th { border-top: 0; font-size: 0.85rem; color: var(--soft); font-weight: 600; }
  h3 { margin: 0; }
  main > h2 { margin-top: 2rem; }
  main > p + p { margin-top: 1rem; }
  table + form { margin-top: 1rem; }
  .race { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; margin-top: 1.25rem; }
  @media (max-width: 45rem) { .race { grid-template-columns: 1fr; } }
  .cells { display: grid; grid-template-columns: repeat(10, 1fr); gap: 0.3rem; margin: 0.75rem 0; }
  .cells span { aspect-ratio: 1; border-radius: 0.3rem; background: var(--line); font-size: 0.7rem; display: grid; place-items: center; }
  .cells .waits { background: var(--soft); color: var(--page); }
  .cells .kept { background: #1a8f63; color: #fff; }
  .cells .lost { background: #c4372b; color: #fff; }
  .verdict { font-weight: 600; min-height: 1.5em; }
  .verdict.kept::before { content: "✓ "; }
  .verdict.lost::before { content: "✗ "; }
`);
