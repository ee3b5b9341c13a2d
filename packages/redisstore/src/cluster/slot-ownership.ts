/**
 * The slots of a server, parsed from its own line of CLUSTER NODES: `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOTS`.
 * SLOTS are `5`, `7-9`, and `[5->-ID]` or `[5-<-ID]` for a slot that is leaving or arriving.
 */
export class SlotOwnership {
  readonly #ranges: (readonly [first: number, last: number])[] = [];
  readonly #moving: Set<number> = new Set();

  constructor(line: string) {
    for (const field of line.trim().split(" ").slice(8)) {
      const numbers = /^\[?(\d+)(?:-(\d+))?/.exec(field);
      if (numbers === null) continue;
      const first = Number(numbers[1]);
      if (field.startsWith("[")) this.#moving.add(first);
      else this.#ranges.push([first, Number(numbers[2] ?? first)]);
    }
  }

  /** Returns whether the server has the slot, with every key in it. */
  has(slot: number): boolean {
    return this.#endFrom(slot) > slot;
  }

  /** Returns the slots from `first` to `end` - 1 that the server does not have, or not completely. */
  othersBetween(first: number, end: number): number[] {
    const others: number[] = [];
    for (let slot = first; slot < end; ) {
      const next = this.#endFrom(slot);
      if (next === slot) others.push(slot++);
      else slot = next;
    }
    return others;
  }

  /** Returns the first slot from `slot` on that the server does not have completely. */
  #endFrom(slot: number): number {
    let end = 1 + (this.#ranges.find(([first, last]) => first <= slot && slot <= last)?.[1] ?? slot - 1);
    for (const moving of this.#moving) if (slot <= moving && moving < end) end = moving;
    return end;
  }
}
