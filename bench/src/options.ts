/** Reads an option's whole number, or throws what to write instead. */
export function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new RangeError(`--${name} must be a whole number of at least 1, got ${value}`);
  }
  return number;
}
