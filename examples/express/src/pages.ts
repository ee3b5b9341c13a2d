import { catalogue, findProduct } from "./catalogue.js";
import { boundTo, type Device } from "./device.js";
import { ago, type Html, html, nothing } from "./html.js";
import type { ShopSession } from "./shop-session.js";
import { style } from "./style.js";

/** The data of a session that the page shows. */
export interface ShopView {
  user: string | undefined;
  loggedInAt: string | undefined;
  /** Quantity by product. */
  cart: Record<string, number>;
  sessionEnds: string;
  /** Description of the place where sessions are stored. */
  place: string;
  /** The devices on which this customer is logged in. */
  devices: readonly Device[];
}

const price = (cents: number): string => `€ ${(cents / 100).toFixed(2)}`;

export function page(title: string, body: Html): string {
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

function devicesCard(devices: readonly Device[]): Html {
  if (devices.length === 0) return nothing;
  const items = devices.map(
    (device) => html`<li><span>${device.name}<br>
<span class="soft">${device.isThis ? "This device" : html`Last seen ${ago(device.lastSeen)}`}${boundTo(device)}</span></span>
${
  device.isThis
    ? nothing
    : html`<form method="post" action="/devices/log-out"><input type="hidden" name="handle" value="${device.handle}">
<button class="quiet small" aria-label="Log out ${device.name}">Log out</button></form>`
}</li>`,
  );
  const others = devices.length > 1;
  return html`<section class="card" aria-label="My devices"><h2>My devices</h2><ul>${items}</ul>
<p><a href="/devices">All about my devices</a></p>
${others ? html`<form method="post" action="/devices/log-out-others"><button class="quiet">Log out everywhere else</button></form>` : nothing}
</section>`;
}

function accountCard(view: ShopView, name: string): Html {
  if (view.user === undefined) {
    return html`<section class="card" aria-label="Log in"><h2>Log in</h2>
<form class="login" method="post" action="/login">
<label>Name<input name="name" autocomplete="username" maxlength="40" required value="${name}"></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button></form>
<p class="soft">Any name will do; the password is “demo”.</p></section>`;
  }
  return html`<section class="card" aria-label="Session"><h2>Your session</h2>
<p class="soft">Logged in ${ago(new Date(view.loggedInAt ?? 0))}. It ends ${ago(new Date(view.sessionEnds))} at the latest, or when
you have not come by for two hours.</p></section>`;
}

/** Returns the page of the shop for this visitor. */
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
<div class="side">${accountCard(view, flash?.name ?? "")}${cartCard(cart)}${devicesCard(devices)}</div>
</div>
</main>
<footer class="soft"><p>Name, cart and messages are kept on the server, in a session, in ${view.place}. The cookie holds a
random token alone.</p><nav aria-label="More"><a href="/race">Watch a race: who loses what?</a></nav></footer>`,
  );
}

export function errorPage(status: number, text: string): string {
  return page(
    `${status}`,
    html`<header><h1>${status}</h1></header><main><p>${text} <a href="/">Back to the shop</a></p></main>`,
  );
}
