export default defineEventHandler(async (event) => {
  const { text } = await readBody<{ text?: string }>(event);
  if (!text) throw createError({ statusCode: 400, message: "A text is needed." });
  const session = await useNotesSession(event);
  await session.update({ [`note:${crypto.randomUUID()}`]: text.slice(0, 200) });
  return sendRedirect(event, "/", 303);
});
