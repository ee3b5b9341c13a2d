export default defineEventHandler(async (event) => {
  const session = await useNotesSession(event);
  await session.clear();
  return sendRedirect(event, "/", 303);
});
