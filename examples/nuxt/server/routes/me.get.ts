export default defineEventHandler(async (event) => viewOf(await useNotesSession(event)));
