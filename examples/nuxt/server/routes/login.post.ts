export default defineEventHandler(async (event) => {
  const { name } = await readBody<{ name?: string }>(event);
  if (!name) throw createError({ statusCode: 400, message: "A name is needed." });
  const session = await useNotesSession(event);
  await session.renew(); // makes a token from before the log-in invalid
  await session.update({
    user: name.slice(0, 40),
    device: getRequestHeader(event, "user-agent") ?? "a device",
  });
  return sendRedirect(event, "/", 303);
});
