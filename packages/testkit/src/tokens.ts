/** Well-formed tokens that a careless store mistakes for something else, by kind. */
export const hostileTokens = {
  paths: [
    "../up",
    "..",
    ".",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:\\x",
    "CON",
    "nul.txt",
    "a.",
    "~",
    "file:///x",
  ],
  quotes: ["'", '"', "`", "'; DROP TABLE sessions; --", "a''b", "$1", "?", "%", "_", "a%", "\\", "$$", "{}"],
  properties: [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "length",
    "0",
  ],
  spaces: [" ", "a", "a ", " a", "a\n", "a\r\n", "\t", "a\u00a0", "\u200b", "\ufeff", "\u007f", "\u0001"],
  beyondAscii: ["é", "ß", "日本語", "😀", "👩‍👩‍👧", "\u{10ffff}", "\uffff", "\ufffd", "\u202eabc", "İ", "ı"],
  case: ["token", "Token", "TOKEN", "tokeN"],
  normalForms: ["\u00e9", "e\u0301", "\u212b", "\u00c5", "A\u030a", "ﬁ", "fi"],
} as const;

/** Malformed tokens. */
export const malformedTokens: readonly unknown[] = [
  "",
  "a".repeat(256),
  "é".repeat(128), // 256 bytes in 128 characters
  "\0",
  "a\0b",
  "\ud800", // a lone surrogate, which encoders turn into U+FFFD
  "a\udc00b",
  undefined,
  null,
  7,
  {},
];
