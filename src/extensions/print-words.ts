// Pieces that print functions have in common.

/** The words of an option, with `!` in front where it is negated. */
export function negatable(negated: boolean, ...words: readonly string[]): readonly string[] {
  return negated ? ['!', ...words] : words;
}

/** A value with its mask, in hexadecimal; a full mask of 32 bits is left out. */
export function hexMasked({ value, mask }: { readonly value: number; readonly mask: number }): string {
  return mask === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`;
}

export function hex(value: number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
