export interface OwnerRow {
  hash: string;
  owner: string | undefined;
  sessions: number;
}

/** Number of the owner of anonymous sessions. */
export const NOBODY = 0;

/** Assigns a number to each owner of the sessions in an index. */
export class OwnerTable {
  readonly #hashes: string[] = [""];
  readonly #names: (string | undefined)[] = [undefined];
  readonly #sessions: number[] = [0];
  readonly #numbers: Map<string, number> = new Map([["", NOBODY]]);

  /** Number of owners, including {@link NOBODY}. */
  get size(): number {
    return this.#hashes.length;
  }

  /** Number of owners with at least one session. */
  get active(): number {
    let count = 0;
    for (let number = 1; number < this.#sessions.length; number++) if (this.#sessions[number]) count++;
    return count;
  }

  /** Adds a session to an owner's count, and returns the owner's number. */
  add(hash: string, name: string | undefined): number {
    let number = this.#numbers.get(hash);
    if (number === undefined) {
      number = this.#hashes.push(hash) - 1;
      this.#names.push(name);
      this.#sessions.push(0);
      this.#numbers.set(hash, number);
    }
    this.#sessions[number] = (this.#sessions[number] ?? 0) + 1;
    return number;
  }

  remove(number: number): void {
    this.#sessions[number] = (this.#sessions[number] ?? 1) - 1;
  }

  numberOf(hash: string): number | undefined {
    return this.#numbers.get(hash);
  }

  hashOf(number: number): string {
    return this.#hashes[number] ?? "";
  }

  nameOf(number: number): string | undefined {
    return this.#names[number];
  }

  /** Returns whether an owner's name contains the text, or the hash begins with it. */
  isMeant(number: number, search: string): boolean {
    if (search === "") return true;
    const isNamed = this.#names[number]?.toLowerCase().includes(search.toLowerCase()) === true;
    return isNamed || (search.length > 2 && this.hashOf(number).startsWith(search));
  }

  /** Returns a page of the matching owners, those with the most sessions first, and the total number. */
  top(search: string, offset: number, limit: number): { total: number; rows: OwnerRow[] } {
    const numbers: number[] = [];
    for (let number = 1; number < this.size; number++) {
      if (this.#sessions[number] && this.isMeant(number, search)) numbers.push(number);
    }
    numbers.sort((a, b) => (this.#sessions[b] ?? 0) - (this.#sessions[a] ?? 0));
    const rows = numbers.slice(offset, offset + limit).map((number) => ({
      ...{ hash: this.hashOf(number), owner: this.nameOf(number), sessions: this.#sessions[number] ?? 0 },
    }));
    return { total: numbers.length, rows };
  }

  /** Returns the rank of each owner by name, with {@link NOBODY} last. */
  ranks(): Uint32Array {
    const labels = this.#names.map((name, number) => name ?? this.hashOf(number));
    const numbers = Array.from({ length: this.size - 1 }, (_, at) => at + 1);
    // Compares code units: a locale-aware comparison of half a million takes ten times as long.
    numbers.sort((a, b) => ((labels[a] ?? "") < (labels[b] ?? "") ? -1 : 1));
    const ranks = new Uint32Array(this.size).fill(numbers.length + 1);
    for (const [rank, number] of numbers.entries()) ranks[number] = rank + 1;
    return ranks;
  }
}
