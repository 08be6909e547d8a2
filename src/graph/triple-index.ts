// An index from three integers to one: what hash-consing looks nodes up in. Open addressing in one typed array; strings
// as keys of a `Map` take several times as long, and every pass makes every node anew.

const WORDS = 4;

export class TripleIndex {
  private table = new Int32Array(WORDS * 1024);
  private used = 0;

  /** The value stored for the triple, or `undefined`. */
  get(a: number, b: number, c: number): number | undefined {
    const at = this.find(a, b, c);
    const stored = this.table[at + 3]!;
    return stored === 0 ? undefined : stored - 1;
  }

  /** Stores a value, at least 0, for a triple that has none yet. */
  set(a: number, b: number, c: number, value: number): void {
    if (2 * (this.used + 1) * WORDS > this.table.length) this.grow();
    this.put(this.find(a, b, c), a, b, c, value + 1);
    this.used++;
  }

  /** Where the triple is, or the free place where it belongs. */
  private find(a: number, b: number, c: number): number {
    const mask = this.table.length / WORDS - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
    for (let place = (hash ^ (hash >>> 13)) & mask; ; place = (place + 1) & mask) {
      const at = place * WORDS;
      const { table } = this;
      if (table[at + 3] === 0 || (table[at] === a && table[at + 1] === b && table[at + 2] === c)) return at;
    }
  }

  private grow(): void {
    const old = this.table;
    this.table = new Int32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 3] === 0) continue;
      const [a, b, c] = [old[at]!, old[at + 1]!, old[at + 2]!];
      this.put(this.find(a, b, c), a, b, c, old[at + 3]!);
    }
  }

  private put(at: number, a: number, b: number, c: number, stored: number): void {
    const { table } = this;
    table[at] = a;
    table[at + 1] = b;
    table[at + 2] = c;
    table[at + 3] = stored;
  }
}
