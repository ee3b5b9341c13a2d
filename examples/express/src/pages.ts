import { catalogue, findProduct } from "./catalogue.js";
import type { Device } from "./devices.js";
import type { ShopSession } from "./shop-session.js";

/** What the page shows of a session. */
export interface ShopView {
  user: string | undefined;
  loggedInAt: string | undefined;
  /** How many of each product. */
  cart: Record<string, number>;
  sessionEnds: string;
  /** Where this customer is logged in. */
  devices: readonly Device[];
}

/** Text that is HTML already, and goes into a page as it is. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[];

/** Makes HTML of a template; what is put in is escaped, unless it is HTML itself. */
function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  const escaped = (part: Part): string => {
    if (part instanceof Html) return part.text;
    if (typeof part === "object") return part.map(escaped).join("");
    return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  };
  return new Html(String.raw({ raw: strings }, ...parts.map(escaped)));
}

const nothing = new Html("");
const price = (cents: number): string => `€ ${(cents / 100).toFixed(2)}`;

const style = new Html(`
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
  button { font: inherit; font-weight: 600; border: 1px solid transparent; border-radius: 0.5rem; padding: 0.5rem 0.9rem; background: var(--accent); color: var(--on-accent); cursor: pointer; }
  button.quiet { background: transparent; color: var(--accent); border-color: var(--line); }
  button.small { padding: 0.1rem 0.6rem; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .total { font-weight: 600; }
  .side { display: grid; gap: 1.25rem; }
  .login { align-items: end; }
`);

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

function cartButton(product: string, name: string, quantity: 1 | -1, label: string, kind: string): Html {
  const says = quantity > 0 ? `Add one ${name}` : `Remove one ${name}`;
  return html`<form method="post" action="/cart">
<input type="hidden" name="product" value="${product}"><input type="hidden" name="quantity" value="${quantity}">
<button class="${kind}" aria-label="${says}">${label}</button></form>`;
}

function cartCard(cart: ShopView["cart"]): Html {
  const lines = Object.entries(cart).flatMap(([id, count]) => {
    const product = findProduct(id);
    return product === undefined ? [] : [{ product, count }];
  });
  if (lines.length === 0) {
    return html`<section class="card" aria-label="Cart"><h2>Your cart</h2><p class="soft">Nothing in it yet.</p></section>`;
  }
  const total = lines.reduce((sum, { product, count }) => sum + product.priceInCents * count, 0);
  const items = lines.map(
    ({ product, count }) => html`<li><span>${count} × ${product.name}</span>
<span class="amount">${price(product.priceInCents * count)}</span>
${cartButton(product.id, product.name, -1, "−", "quiet small")}</li>`,
  );
  return html`<section class="card" aria-label="Cart"><h2>Your cart</h2><ul>${items}
<li class="total"><span>Total</span><span class="amount">${price(total)}</span></li></ul></section>`;
}

const time = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

function devicesCard(devices: readonly Device[]): Html {
  if (devices.length === 0) return nothing;
  const items = devices.map(
    ({ handle, name, lastSeen, isThis }) => html`<li><span>${name}<br>
<span class="soft">${isThis ? "This device" : `Last seen ${time(lastSeen.toISOString())}`}</span></span>
${
  isThis
    ? nothing
    : html`<form method="post" action="/devices/log-out"><input type="hidden" name="handle" value="${handle}">
<button class="quiet small" aria-label="Log out ${name}">Log out</button></form>`
}</li>`,
  );
  const others = devices.length > 1;
  return html`<section class="card" aria-label="My devices"><h2>My devices</h2><ul>${items}</ul>
${others ? html`<form method="post" action="/devices/log-out-others"><button class="quiet">Log out everywhere else</button></form>` : nothing}
</section>`;
}

function accountCard(view: ShopView): Html {
  if (view.user === undefined) {
    return html`<section class="card" aria-label="Log in"><h2>Log in</h2>
<form class="login" method="post" action="/login">
<label>Name<input name="name" autocomplete="username" maxlength="40" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form>
<p class="soft">Any name will do; the password is “demo”.</p></section>`;
  }
  return html`<section class="card" aria-label="Session"><h2>Your session</h2>
<p class="soft">Logged in ${time(view.loggedInAt ?? "")}, until ${time(view.sessionEnds)} at the latest, and for as long as
you come by once in two hours.</p></section>`;
}

/** The one page of the shop, as this visitor sees it. */
export function shopPage(view: ShopView, flash: ShopSession["flash"] | undefined): string {
  const { user, cart, devices } = view;
  const products = catalogue.map(
    ({
      id,
      name,
      description,
      priceInCents,
    }) => html`<li><span>${name}<br><span class="soft">${description}</span></span>
<span class="amount">${price(priceInCents)}</span>${cartButton(id, name, 1, "Add", "quiet")}</li>`,
  );
  return page(
    "Corner shop",
    html`<header><h1>Corner shop</h1>
${
  user === undefined
    ? html`<p class="soft">You are not logged in.</p>`
    : html`<form method="post" action="/logout"><span>Hello, <strong>${user}</strong></span> <button class="quiet">Log out</button></form>`
}</header>
<main>
${flash === undefined ? nothing : html`<p class="flash ${flash.kind}" role="status">${flash.text}</p>`}
<div class="columns">
<section class="card" aria-label="Products"><h2>On the shelf</h2><ul>${products}</ul></section>
<div class="side">${accountCard(view)}${cartCard(cart)}${devicesCard(devices)}</div>
</div>
</main>
<footer class="soft">Name, cart and messages are kept on the server, in a session. The cookie holds a random token alone.</footer>`,
  );
}

export function errorPage(status: number, text: string): string {
  return page(
    `${status}`,
    html`<header><h1>${status}</h1></header><main><p>${text} <a href="/">Back to the shop</a></p></main>`,
  );
}
