"use server";

import { randomUUID } from "node:crypto";
import { revalidatePath } from "next/cache";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { change, sessions } from "../lib/sessions";
import { viewOf } from "../lib/view";

export async function logIn(form: FormData): Promise<void> {
  const name = form.get("name");
  if (typeof name !== "string" || name === "") throw new Error("A name is needed.");
  const device = (await headers()).get("user-agent") ?? "a device";
  await change((session) => {
    session.renew(); // makes a token from before the log-in invalid
    session.set("user", name.slice(0, 40)).set("device", device);
  });
  redirect("/");
}

export async function addNote(form: FormData): Promise<void> {
  const text = form.get("text");
  if (typeof text !== "string" || text === "") throw new Error("A text is needed.");
  await change((session) => {
    session.set(`note:${randomUUID()}`, text.slice(0, 200));
    redirect("/"); // after the save
  });
}

export async function logOut(): Promise<void> {
  await change((session) => session.destroy());
}

export async function logOutThere(form: FormData): Promise<void> {
  await change(async (session) => {
    const { devices } = await viewOf(session);
    // The handle comes from the client: accept only those of the user's own devices.
    const device = devices.find((each) => each.handle === form.get("handle"));
    if (device === undefined) throw new Error("That device is not logged in.");
    await sessions.revoke(device.handle);
  });
  revalidatePath("/"); // the page lists the devices, and no cookie was set
}
