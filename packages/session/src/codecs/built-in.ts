import { Buffer } from "node:buffer";
import { types } from "node:util";

/** Thrown for a value that decoding would not restore exactly. The message describes the value without quoting it. */
export class Refusal extends Error {}

const VIEWS = [
  ...[
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
  ],
  ...["Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "DataView"],
];
const OTHERS = ["Object", "Array", "Date", "RegExp", "Map", "Set", "ArrayBuffer", "URL", "URLSearchParams"];
const TEMPORAL = [
  ...["Duration", "Instant", "PlainDate", "PlainDateTime", "PlainMonthDay", "PlainTime", "PlainYearMonth"],
  "ZonedDateTime",
];

type Class = (new (...args: unknown[]) => object) & { prototype: object; from(source: unknown): object };

const temporal = (globalThis as { Temporal?: Record<string, unknown> }).Temporal ?? {};

/** The classes of session values that this runtime has, by name. */
const classes: ReadonlyMap<string, Class> = new Map(
  [
    ...[...OTHERS, ...VIEWS].map((name) => [name, (globalThis as Record<string, unknown>)[name]]),
    ...TEMPORAL.map((name) => [`Temporal.${name}`, temporal[name]]),
    ["Buffer", Buffer],
  ].filter((entry): entry is [string, Class] => typeof entry[1] === "function"),
);

const names = new Map<object | null, string>([[null, "null"]]);
for (const [name, { prototype }] of classes) names.set(prototype, name);

const viewNames = new Set([...VIEWS, "Buffer"]);

/** Whether the instances of the class show the bytes of an `ArrayBuffer`. */
export function isViewName(name: string): boolean {
  return viewNames.has(name);
}

/**
 * Returns the name of the class of session values that the object is an instance of; `"null"` for an object
 * without a prototype; `undefined` for instances of all other classes, subclasses included.
 */
export function classNameOf(value: object): string | undefined {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return "Object"; // the most common case
  return names.get(prototype) ?? foreignName(prototype as object) ?? (isFakeDate(value) ? "Date" : undefined);
}

/** Does so for classes of another realm, such as that of `node:vm`, where Jest runs its tests. */
function foreignName(prototype: object): string | undefined {
  if (types.isProxy(prototype)) return undefined;
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof maker !== "function" || maker.prototype !== prototype) return undefined;
  return classes.has(maker.name) && isNative(maker, maker.name) ? maker.name : undefined;
}

/** Recognizes the subclass that fake timers of tests put in place of `Date`: its instances name `Date` as constructor. */
function isFakeDate(value: object): boolean {
  if (!types.isDate(value)) return false;
  const maker: unknown = Object.getOwnPropertyDescriptor(value, "constructor")?.value;
  return typeof maker === "function" && isNative(maker, "Date");
}

/** Compares the source: a class written in JavaScript differs from "function Date() { [native code] }". */
function isNative(maker: object, name: string): boolean {
  const sourceOf = Function.prototype.toString;
  return sourceOf.call(maker) === sourceOf.call(Object).replace("Object", name);
}

/** Names the class of an object by its prototype, because its own properties are the app's data. */
export function describeClass(value: object): string {
  let name: unknown;
  try {
    name = Object.getPrototypeOf(value)?.constructor?.name;
  } catch {} // a getter of the app may throw
  return `an object of class ${typeof name === "string" && name !== "" ? name : "unknown"}`;
}

/** Describes a property beyond the content of the object's class, which encoding would lose; `undefined` if there is none. */
export function extrasOf(value: object, name: string, keys: readonly string[]): string | undefined {
  if (Object.getOwnPropertySymbols(value).length > 0) return "a property with a symbol as its key";
  if (name === "Object" || name === "null") {
    const isAllEnumerable = Object.getOwnPropertyNames(value).length === keys.length;
    return isAllEnumerable ? undefined : "a property that is not enumerable";
  }
  const isList = name === "Array" || (isViewName(name) && name !== "DataView");
  const hasOne = name === "RegExp" || (name === "Date" && isFakeDate(value)); // lastIndex, constructor
  const known = isList ? countIndexes(keys) : Number(hasOne);
  const all = isList ? keys : Object.getOwnPropertyNames(value);
  return all.length === known ? undefined : `a property of its own on an instance of ${name}`;
}

const INDEX = /^(0|[1-9]\d*)$/;

function countIndexes(keys: readonly string[]): number {
  let count = keys.length;
  while (count > 0 && !INDEX.test(keys[count - 1] as string)) count--; // indexes come first
  return count;
}

/**
 * Returns the bytes that a view shows, or those of an `ArrayBuffer`, without copying them.
 *
 * @throws Refusal for memory that is resizable or shared; TypeError for detached memory.
 */
export function bytesOf(value: object): Uint8Array<ArrayBuffer> {
  const view = ArrayBuffer.isView(value) ? value : undefined;
  const buffer: unknown = view === undefined ? value : view.buffer;
  if (types.isSharedArrayBuffer(buffer)) throw new Refusal("a SharedArrayBuffer");
  if (!types.isArrayBuffer(buffer)) throw new Refusal(describeClass(value));
  if ((buffer as { resizable?: boolean }).resizable === true) throw new Refusal("a resizable ArrayBuffer");
  return new Uint8Array(buffer, view?.byteOffset ?? 0, view?.byteLength ?? buffer.byteLength);
}

/**
 * Returns the text from which an instance of a class such as `Date` or `URL` can be rebuilt.
 *
 * @throws Refusal for an instance that its text does not restore; TypeError for an object with only the prototype.
 */
export function textsOf(value: object, name: string): string[] {
  if (name === "Date") {
    const ms = (value as Date).getTime();
    return [Number.isNaN(ms) ? "" : new Date(ms).toISOString()];
  }
  if (name !== "RegExp") {
    const text = String(value);
    if (name === "Temporal.Duration" && !isBalanced(value, text))
      throw new Refusal("a Duration that is not balanced");
    return [text];
  }
  const { source, flags, lastIndex } = value as RegExp;
  if (!Number.isSafeInteger(lastIndex) || lastIndex < 0) throw new Refusal("a RegExp with an odd lastIndex");
  return lastIndex === 0 ? [source, flags] : [source, flags, String(lastIndex)];
}

/** Returns whether ISO 8601 preserves a Duration: it has no field below the second, so 1500 ms becomes 1 s 500 ms. */
function isBalanced(duration: object, text: string): boolean {
  const again = classes.get("Temporal.Duration")?.from(text) as Record<string, unknown>;
  const fields = ["seconds", "milliseconds", "microseconds", "nanoseconds"];
  return fields.every((field) => (duration as Record<string, unknown>)[field] === again[field]);
}

/** Rebuilds an instance from the result of {@link textsOf}. */
export function fromTexts(name: string, texts: readonly string[]): object {
  const Class = classOf(name);
  if (name.startsWith("Temporal.")) return Class.from(texts[0]);
  if (name !== "RegExp") return new Class(texts[0]);
  const [source = "", flags, lastIndex = "0"] = texts;
  return Object.assign(new RegExp(source, flags), { lastIndex: Number(lastIndex) });
}

/** @throws TypeError for a class that this runtime does not have, or that session values may not have. */
export function classOf(name: string): Class {
  const found = classes.get(name);
  if (found === undefined) throw new TypeError("no class of session values in this runtime");
  return found;
}
