import { change, session } from "../../lib/sessions";

/** Reads the session twice, and tries to change it, in a Server Component. */
export default async function Reader() {
  const isSame = new Set([await session(), await session()]).size === 1;
  const refused = await change((own) => own.set("device", "by a Server Component")).catch(
    (error: Error) => error.message,
  );
  return <p>{`${isSame} ${String(refused)}`}</p>;
}
