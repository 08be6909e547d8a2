// Turns generic receive offload of a device on, by ethtool's netlink (Documentation/networking/ethtool-netlink.rst).

import { attributes, dump, NetlinkSocket, text } from '../../src/kernel/netlink.ts';

const NETLINK_GENERIC = 16;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR = { familyId: 1, familyName: 2 } as const;
const ETHTOOL_MSG_FEATURES_SET = 12;
const FEATURES = { header: 1, wanted: 3 } as const;
const HEADER = { deviceIndex: 1, flags: 3 } as const;
/** The answer is an acknowledgement only. */
const ETHTOOL_FLAG_OMIT_REPLY = 2;
const BITSET_BITS = 3;
const BITS_BIT = 1;
const BIT = { name: 2, value: 3 } as const;
const NLA_F_NESTED = 0x8000;

/** For a device of the namespace that this thread is in. */
export function enableGro(ifindex: number): void {
  const operation = 'turn receive offload on';
  const families = dump(operation, NETLINK_GENERIC, GENL_ID_CTRL, message(CTRL_CMD_GETFAMILY));
  const ethtool = families
    .map((family) => attributes(family, 4))
    .find((family) => text(family.get(CTRL_ATTR.familyName)) === 'ethtool');
  if (ethtool === undefined) throw new Error('this kernel has no ethtool netlink');
  const gro = nested(BITS_BIT, attribute(BIT.name, Buffer.from('rx-gro\0')), attribute(BIT.value));
  const socket = new NetlinkSocket(operation, NETLINK_GENERIC);
  try {
    const refusal = socket.change(
      ethtool.get(CTRL_ATTR.familyId)!.readUInt16LE(0),
      message(
        ETHTOOL_MSG_FEATURES_SET,
        nested(
          FEATURES.header,
          attribute(HEADER.deviceIndex, word(ifindex)),
          attribute(HEADER.flags, word(ETHTOOL_FLAG_OMIT_REPLY)),
        ),
        nested(FEATURES.wanted, nested(BITSET_BITS, gro)),
      ),
    );
    if (refusal !== undefined) throw new Error(`cannot ${operation}: errno ${refusal.errno}`);
  } finally {
    socket.close();
  }
}

/** `struct genlmsghdr` of version 1, and attributes. */
function message(command: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([command, 1, 0, 0]), ...parts]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function nested(type: number, ...parts: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

function attribute(type: number, value: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, 4);
  return bytes;
}
