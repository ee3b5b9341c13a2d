import { misuses } from "../../misuses";

export default defineEventHandler((event) => misuses(sessions, [event]));
