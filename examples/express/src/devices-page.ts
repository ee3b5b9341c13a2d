import { boundTo, type Device } from "./device.js";
import { ago, type Html, html, nothing } from "./html.js";
import { page } from "./pages.js";
import type { ShopSession } from "./shop-session.js";

function row(device: Device): Html {
  const { handle, name, created, lastSeen, expiry, isThis } = device;
  const action = isThis
    ? html`<span class="soft">This device</span>`
    : html`<form method="post" action="/devices/log-out"><input type="hidden" name="from" value="devices">
<input type="hidden" name="handle" value="${handle}">
<button class="quiet small" aria-label="Log out ${name}">Log out</button></form>`;
  return html`<tr><td>${name}${boundTo(device)}</td><td>${ago(created)}</td><td>${ago(lastSeen)}</td><td>${ago(expiry)}</td><td>${action}</td></tr>`;
}

/** Returns the page with a customer's devices and their times. */
export function devicesPage(devices: readonly Device[], flash: ShopSession["flash"] | undefined): string {
  const others = html`<form method="post" action="/devices/log-out-others"><input type="hidden" name="from" value="devices">
<button>Log out everywhere else</button></form>`;
  return page(
    "My devices",
    html`<header><h1>My devices</h1><a href="/">Back to the shop</a></header>
<main>
${flash === undefined ? nothing : html`<p class="flash ${flash.kind}" role="status">${flash.text}</p>`}
<section class="card wide" aria-label="Devices"><table><thead><tr><th scope="col">Device</th><th scope="col">Logged in</th>
<th scope="col">Last seen</th><th scope="col">Ends</th><th></th></tr></thead><tbody>${devices.map(row)}</tbody></table>
${devices.length > 1 ? others : nothing}</section>
</main>
<footer class="soft">A device that is logged out here is logged out for good, whatever request of its is under way.</footer>`,
  );
}
