/** Maximum length of a failure's message in characters, so that the sentence stays visible on a terminal. */
const MAX_TEXT = 2000;

/** Shortens a text to 2,000 characters, and appends the number of omitted ones. */
export function shorten(text: string): string {
  const left = text.length - MAX_TEXT;
  return left > 0 ? `${text.slice(0, MAX_TEXT)}\n… (${left} more characters)` : text;
}

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** Formats at most the first 64 bytes: as text if they are printable, otherwise as hexadecimal digits. */
export function showBytes(data: Uint8Array): string {
  const start = Buffer.from(data.subarray(0, 64));
  const text = start.toString();
  const isText = PRINTABLE.test(text) && !text.includes("\ufffd");
  const more = data.length > 64 ? ` … (${data.length} bytes)` : "";
  return `${isText ? JSON.stringify(text) : `<${start.toString("hex")}>`}${more}`;
}

const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "ended by itself before it had answered",
  1: "an exception that nothing caught",
  7: "an exception in the handler of uncaught exceptions",
  12: "an invalid debug port",
  13: "a top-level await that never settled: it waits for something that holds no handle",
};

const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: "out of memory, or a failed assertion of native code",
  SIGBUS: "a memory-mapped file that was cut short, or a full disk",
  SIGKILL: "killed from outside, or by the system for its memory",
  SIGSEGV: "native code that touched memory which is not its own",
};

/** Describes the end of a process: its exit code or signal, and the usual reason. */
export function explainEnd(code: number | null, signal: string | null): string {
  if (signal !== null) return `${signal} (${SIGNALS[signal] ?? "a signal"})`;
  const reason = code === null ? undefined : EXIT_CODES[code];
  return `exit code ${code}${reason === undefined ? "" : ` (${reason})`}`;
}
