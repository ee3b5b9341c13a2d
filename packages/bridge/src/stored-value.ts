import { isUint8Array } from "node:util/types";

/** First byte of a stored value, which names the encoding of the rest. */
const FORM = { text: 0x73, bytes: 0x62, json: 0x6a }; // "s", "b", "j"

/** Encodes a value: text and bytes unchanged, anything else as JSON. */
export function encodeValue(value: unknown): Uint8Array {
  if (typeof value === "string") return withForm(FORM.text, Buffer.from(value));
  if (isUint8Array(value)) return withForm(FORM.bytes, value);
  return withForm(FORM.json, Buffer.from(JSON.stringify(value) ?? "null"));
}

/** Decodes a value; `undefined` if the bytes are invalid. */
export function decodeValue(data: Uint8Array): unknown {
  const content = Buffer.from(data.subarray(1));
  if (data[0] === FORM.text) return content.toString();
  if (data[0] === FORM.bytes) return content;
  try {
    if (data[0] === FORM.json) return JSON.parse(content.toString());
  } catch {}
  return undefined;
}

function withForm(form: number, content: Uint8Array): Uint8Array {
  const data = new Uint8Array(1 + content.length);
  data[0] = form;
  data.set(content, 1);
  return data;
}
