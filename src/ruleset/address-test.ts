// What a rule asks of an address, as one object: large rulesets have one or two in each rule, most of them different.

import type { MaskedAny } from '../base/address.ts';
import type { MaskedAddress } from '../base/ipv4.ts';

/** An address under a mask; with `negated`, any other address. */
export type AddressTest = MaskedAny & { readonly negated: boolean };

/** Both numbers as V8 keeps them within the object: 32 bits with a sign. Larger ones would be objects of their own. */
class Test4 implements MaskedAddress {
  readonly negated: boolean;
  private readonly signedValue: number;
  private readonly signedMask: number;

  constructor(value: number, mask: number, negated: boolean) {
    this.negated = negated;
    this.signedValue = value | 0;
    this.signedMask = mask | 0;
  }

  get value(): number {
    return this.signedValue >>> 0;
  }

  get mask(): number {
    return this.signedMask >>> 0;
  }
}

/** A test of IPv4 addresses; `value` and `mask` have 32 bits, with or without a sign. */
export function addressTest4(value: number, mask: number, negated: boolean): AddressTest {
  return new Test4(value, mask, negated);
}

/** A test of addresses of either family. */
export function addressTest({ value, mask }: MaskedAny, negated: boolean): AddressTest {
  return typeof value === 'number' ? new Test4(value, Number(mask), negated) : { value, mask: BigInt(mask), negated };
}
