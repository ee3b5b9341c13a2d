import Link from "next/link";
import { session } from "../lib/sessions";
import { viewOf } from "../lib/view";
import { addNote, logIn, logOut, logOutThere } from "./actions";

export default async function Page() {
  const { user, notes, devices } = await viewOf(await session());
  return (
    <>
      <h1>Notes</h1>
      {user === undefined ? (
        <form action={logIn}>
          <label>
            Name <input name="name" required maxLength={40} />
          </label>
          <button type="submit">Log in</button>
        </form>
      ) : (
        <>
          <p>{`Hello, ${user}.`}</p>
          <form action={logOut}>
            <button type="submit">Log out</button>
          </form>
        </>
      )}
      <ul aria-label="Notes">
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      <form action={addNote}>
        <label>
          Note <input name="text" required maxLength={200} />
        </label>
        <button type="submit">Add</button>
      </form>
      <h2>Devices</h2>
      <ul aria-label="Devices">
        {devices.map(({ handle, name, isThis }) => (
          <li key={handle}>
            {name}{" "}
            {isThis ? (
              "(this one)"
            ) : (
              <form action={logOutThere}>
                <button type="submit" name="handle" value={handle}>
                  Log out there
                </button>
              </form>
            )}
          </li>
        ))}
      </ul>
      <p>
        <Link href="/about">About</Link>
      </p>
    </>
  );
}
