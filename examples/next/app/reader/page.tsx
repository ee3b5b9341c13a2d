import { change, session } from "../../lib/sessions";

/** A Server Component that reads the session twice, and must not be able to change it. */
export default async function Reader() {
  const isSame = new Set([await session(), await session()]).size === 1;
  const refused = await change((own) => own.set("device", "by a Server Component")).catch(
    (error: Error) => error.message,
  );
  return <p>{`${isSame} ${String(refused)}`}</p>;
}
