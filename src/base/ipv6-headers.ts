// The chain of IPv6 extension headers, as ip6tables walks it for `-p` and for every match of a transport header.
//
// Kernel: `ip6_packet_match` (net/ipv6/netfilter/ip6_tables.c) calls `ipv6_find_hdr` with target −1
// (net/ipv6/exthdrs_core.c), observed with ip6tables-legacy on 6.18:
//
// - The chain is walked for a rule with `-p`, `! -p` included, once its addresses and devices match. A chain that cannot be
//   walked drops the packet there and then, and nobody counts it (hotdrop). A rule without `-p` asks nothing of it.
// - The walk goes from the IPv6 header's next-header byte, whatever the version nibble, over: hop-by-hop options (0),
//   routing (43), fragment (44), authentication (51), destination options (60); of any number, in any order, each as often
//   as it comes. It stops at everything else and says that number: transport protocols, ESP (50), mobility (135), HIP
//   (139), shim6 (140), an inner IPv6 header (41), and "no next header" (59).
// - A header has (length byte + 1) * 8 bytes, an authentication header (length byte + 2) * 4, a fragment header 8. What of
//   a header must be there: its first 2 bytes, 4 of a routing or fragment header. The rest may lie behind the packet's
//   end, and so may what it ends in: the protocol is known, its header is cut off.
// - In a fragment header, the 16 bits at offset 2 without their low 3 are the fragment's offset in bytes. Zero: a first
//   or only fragment, and the walk goes on. Else it ends: the protocol is the next header that the fragment header names
//   (of the first header of what was fragmented, that is), and if that is again one of the five, the walk has failed.
// - The packet ends where the socket buffer does (`skb->len`). Of what comes in the stack has cut it to 40 + payload
//   length, unless that is 0 and the first header is hop-by-hop options (`ipv6_rcv`, net/ipv6/ip6_input.c): then it is
//   all of the frame, padding included. What a raw socket sends has any payload length, and any version.
// - The stack reads hop-by-hop options right behind the IPv6 header before any hook: packets that come in with bad ones
//   are never seen. All other extension headers are read behind INPUT.
// - Fragments that come in are seen one by one, at INPUT too, unless connection tracking puts them together before.
// - Later kernels (commit 3744b0964d52) give up at the thirteenth extension header; 6.18 has no such limit.
// - On later stable kernels the walk also fails where the chain ends behind the packet's end (Debian's 6.1.192 and 6.12.117,
//   which have taken over "do not let ipv6_find_hdr() return an offset past the packet end"); on 6.18.44 it does not.
//
// Matches (net/netfilter/xt_tcpudp.c) get the offset in bytes: never 1, so that the TCP match, which drops IPv4
// fragments at offset 1, just does not match later fragments of IPv6.

/** Bytes of the fixed IPv6 header, and where its next-header byte is (RFC 8200, section 3). */
const IPV6_HEADER = 40;
const NEXT_HEADER = 6;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** The headers that are walked over. */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([
  ...[HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS],
]);

export interface HeaderChain {
  /** What the chain ends in. */
  readonly protocol: number;
  /** In units of 8 bytes; 0 without a fragment header and in a first fragment. */
  readonly fragmentOffset: number;
  /** Bytes from the IPv6 header to where the chain ends, in a later fragment to the end of the fragment header. */
  readonly transportOffset: number;
  /** The walk failed; then the numbers say nothing and are 0, but for the offset, which is the packet's length. */
  readonly malformed: boolean;
}

/** Walks the chain of a packet of at least 40 bytes, from its IPv6 header to its end. */
export function walkHeaders(bytes: Uint8Array): HeaderChain {
  const malformed = { protocol: 0, fragmentOffset: 0, transportOffset: bytes.length, malformed: true };
  let protocol = bytes[NEXT_HEADER]!;
  let at = IPV6_HEADER;
  while (EXTENSION_HEADERS.has(protocol)) {
    const needed = protocol === ROUTING || protocol === FRAGMENT ? 4 : 2;
    if (at + needed > bytes.length) return malformed;
    const next = bytes[at]!;
    if (protocol === FRAGMENT) {
      const fragmentOffset = ((bytes[at + 2]! << 8) | bytes[at + 3]!) >> 3;
      at += 8;
      if (fragmentOffset > 0) {
        if (EXTENSION_HEADERS.has(next)) return malformed;
        return { protocol: next, fragmentOffset, transportOffset: at, malformed: false };
      }
    } else if (protocol === AUTHENTICATION) {
      at += (bytes[at + 1]! + 2) * 4;
    } else {
      at += (bytes[at + 1]! + 1) * 8;
    }
    protocol = next;
  }
  return { protocol, fragmentOffset: 0, transportOffset: at, malformed: false };
}
