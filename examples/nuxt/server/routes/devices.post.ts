export default defineEventHandler(async (event) => {
  const { handle } = await readBody<{ handle?: string }>(event);
  const { devices } = await viewOf(await useNotesSession(event));
  // The handle comes from the client: accept only those of the user's own devices.
  const device = devices.find((each) => each.handle === handle);
  if (device === undefined) throw createError({ statusCode: 404, message: "That device is not logged in." });
  await sessions.revoke(device.handle);
  return sendRedirect(event, "/", 303);
});
