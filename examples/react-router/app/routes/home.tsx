import { Form, Link } from "react-router";
import { sessionContext } from "../sessions.server";
import { viewOf } from "../view.server";
import type { Route } from "./+types/home";

export function loader({ context }: Route.LoaderArgs) {
  return viewOf(context.get(sessionContext));
}

export default function Home({ loaderData: { user, notes, devices } }: Route.ComponentProps) {
  return (
    <>
      <h1>Notes</h1>
      {user === undefined ? (
        <Form method="post" action="/login">
          <label>
            Name <input name="name" required maxLength={40} />
          </label>
          <button type="submit">Log in</button>
        </Form>
      ) : (
        <>
          <p>{`Hello, ${user}.`}</p>
          <Form method="post" action="/logout">
            <button type="submit">Log out</button>
          </Form>
        </>
      )}
      <ul aria-label="Notes">
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      <Form method="post" action="/notes">
        <label>
          Note <input name="text" required maxLength={200} />
        </label>
        <button type="submit">Add</button>
      </Form>
      <h2>Devices</h2>
      <ul aria-label="Devices">
        {devices.map(({ handle, name, isThis }) => (
          <li key={handle}>
            {name}{" "}
            {isThis ? (
              "(this one)"
            ) : (
              <Form method="post" action="/devices">
                <button type="submit" name="handle" value={handle}>
                  Log out there
                </button>
              </Form>
            )}
          </li>
        ))}
      </ul>
      <p>
        <Link to="/about" prefetch="intent">
          About
        </Link>
      </p>
    </>
  );
}
