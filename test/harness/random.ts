// Random choices on top of fast-check's generator, so that one seed repeats a whole run.

import type { Random } from 'fast-check';

export class Choice {
  private readonly random: Pick<Random, 'nextInt'>;

  constructor(random: Pick<Random, 'nextInt'>) {
    this.random = random;
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return this.random.nextInt(low, high);
  }

  /** Any unsigned 32-bit number. */
  word(): number {
    return this.random.nextInt(0, 0xffffffff);
  }

  /** True once in `1 / probability` times. */
  chance(probability: number): boolean {
    return this.random.nextInt(0, 999_999) < probability * 1_000_000;
  }

  /** One of them, each as often. */
  pick<T>(from: readonly T[]): T {
    return from[this.random.nextInt(0, from.length - 1)]!;
  }

  /** One of them, as often as its weight says. */
  weighted<T>(from: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.random.nextInt(0, from.reduce((sum, [weight]) => sum + weight, 0) - 1);
    for (const [weight, value] of from) {
      if (left < weight) return value;
      left -= weight;
    }
    throw new Error('weights must be whole numbers');
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.random.nextInt(0, 255));
  }
}
