import type { View } from "./view.js";

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export function page({ user, notes, devices }: View): string {
  const account =
    user === undefined
      ? `<form method="post" action="/login">
           <label>Name <input name="name" required maxlength="40"></label><button>Log in</button>
         </form>`
      : `<p>Hello, ${escaped(user)}.</p>
         <form method="post" action="/logout"><button>Log out</button></form>`;
  const items = devices.map(({ handle, name, isThis }) => {
    const end = `<form method="post" action="/devices">
      <button name="handle" value="${escaped(handle)}">Log out there</button></form>`;
    return `<li>${escaped(name)} ${isThis ? "(this one)" : end}</li>`;
  });
  return `<!doctype html>
    <html lang="en">
      <head><title>Notes</title><link rel="stylesheet" href="/style.css"></head>
      <body>
        <h1>Notes</h1>
        ${account}
        <ul aria-label="Notes">${notes.map((note) => `<li>${escaped(note)}</li>`).join("")}</ul>
        <form method="post" action="/notes">
          <label>Note <input name="text" required maxlength="200"></label><button>Add</button>
        </form>
        <h2>Devices</h2>
        <ul aria-label="Devices">${items.join("")}</ul>
      </body>
    </html>`;
}
