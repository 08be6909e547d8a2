// Why a driver does not take an XDP program, in its own words.
//
// `BPF_LINK_CREATE` gives an errno only. rtnetlink gives the text as an extended acknowledgement: the same attachment is
// tried once more through it, and undone should it succeed this time.

import { attributes, FAMILY, NetlinkSocket, type Refusal, text } from './netlink.ts';

export type AttachMode = 'native' | 'generic';

/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE (include/uapi/linux/if_link.h). */
export const XDP_MODE_FLAG: Readonly<Record<AttachMode, number>> = { generic: 2, native: 4 };
const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
const XDP_FLAGS_REPLACE = 16;

const RTM_SETLINK = 19;
const IFINFOMSG = 16;
const NLA_F_NESTED = 0x8000;
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
const IFLA_XDP_EXPECTED_FD = 8;
const NLMSGERR_ATTR_MSG = 1;

/** The kernel's sentence about why this program cannot be attached, or `undefined` where it says nothing. */
export function xdpRefusal(program: number, ifindex: number, mode: AttachMode): string | undefined {
  const socket = new NetlinkSocket('ask why XDP is refused', FAMILY.route);
  try {
    const refusal = setXdp(socket, ifindex, [
      [IFLA_XDP_FD, program],
      [IFLA_XDP_FLAGS, XDP_MODE_FLAG[mode] | XDP_FLAGS_UPDATE_IF_NOEXIST],
    ]);
    if (refusal !== undefined) return text(attributes(refusal.attributes, 0).get(NLMSGERR_ATTR_MSG));
    setXdp(socket, ifindex, [
      [IFLA_XDP_FD, -1],
      [IFLA_XDP_FLAGS, XDP_MODE_FLAG[mode] | XDP_FLAGS_REPLACE],
      [IFLA_XDP_EXPECTED_FD, program],
    ]);
    return undefined;
  } finally {
    socket.close();
  }
}

function setXdp(
  socket: NetlinkSocket,
  ifindex: number,
  words: readonly [type: number, value: number][],
): Refusal | undefined {
  const WORD = 8;
  const message = Buffer.alloc(IFINFOMSG + 4 + words.length * WORD);
  message.writeInt32LE(ifindex, 4);
  message.writeUInt16LE(message.length - IFINFOMSG, IFINFOMSG);
  message.writeUInt16LE(IFLA_XDP | NLA_F_NESTED, IFINFOMSG + 2);
  for (const [index, [type, value]] of words.entries()) {
    const at = IFINFOMSG + 4 + index * WORD;
    message.writeUInt16LE(WORD, at);
    message.writeUInt16LE(type, at + 2);
    message.writeInt32LE(value, at + 4);
  }
  return socket.change(RTM_SETLINK, message);
}
