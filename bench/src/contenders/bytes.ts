import type { BenchSession } from "../harness/sessions.js";

const decoder = new TextDecoder();

/** Members shared by all contenders that take bytes and return bytes. */
export const onBytes = {
  style: "promise",
  prepare: (session: BenchSession): unknown => Buffer.from(JSON.stringify(session)),
  read: (found: unknown): BenchSession => JSON.parse(decoder.decode(found as Uint8Array)),
  bytesOf: (found: unknown): Uint8Array => found as Uint8Array,
} as const;
