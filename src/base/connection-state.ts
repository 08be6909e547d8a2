// The numbers of the field `state`: what connection tracking says of a packet, in ten bits.
//
//   class:3  reply:1  DNAT:1  SNAT:1  CONFIRMED:1  ASSURED:1  SEEN_REPLY:1  EXPECTED:1
//
// The lower six are the lower six of `nf_conn.status` (include/uapi/linux/netfilter/nf_conntrack_common.h). The class
// stands above all else, so that the questions nearly all rules ask are intervals; ESTABLISHED and RELATED are neighbours,
// as most rules ask for both. A packet without an entry has nothing but its class.

/** Classes by number. The first three have an entry. */
export const STATE_CLASSES = ['ESTABLISHED', 'RELATED', 'NEW', 'INVALID', 'UNTRACKED'] as const;
export type StateClass = (typeof STATE_CLASSES)[number];

export const CLASS_SHIFT = 7;
/** Of early verdicts alone (`src/classify/early-strict.ts`): NEW, or INVALID by a checksum that nobody has looked at. */
export const UNVERIFIED = STATE_CLASSES.length << CLASS_SHIFT;
export const REPLY_BIT = 1 << 6;
/** The bits that are those of `nf_conn.status`. */
export const STATUS_MASK = 0x3f;

/** Bits of `nf_conn.status`, as rules name them. */
export const STATUS_BITS = { EXPECTED: 1, SEEN_REPLY: 2, ASSURED: 4, CONFIRMED: 8, SNAT: 16, DNAT: 32 } as const;

export function classNumber(name: StateClass): number {
  return STATE_CLASSES.indexOf(name);
}

/** Whether packets of a class belong to a connection that is known. */
export function hasEntry(number: number): boolean {
  return number <= classNumber('NEW');
}
