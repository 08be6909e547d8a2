// The two families of the internet protocol, each with rules of its own.

export type Family = 'ipv4' | 'ipv6';

/** Bits of an address of each family. */
export const ADDRESS_BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };
