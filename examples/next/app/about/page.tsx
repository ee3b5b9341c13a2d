import { session } from "../../lib/sessions";

export default async function About() {
  return <p>{`These are the notes of ${(await session()).get("user") ?? "nobody"}.`}</p>;
}
