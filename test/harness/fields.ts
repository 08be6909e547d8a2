// The field values of a packet, as src/base/predicate.ts defines them, for evaluating graphs without compiling them.

import type { ConnectionEnds, PacketConnection } from '../../src/base/connection.ts';
import { type HookPacket, type PacketView, viewOf } from '../../src/base/packet.ts';
import type { FieldValues } from '../../src/base/predicate.ts';

/** Every field 0, or empty: to be told apart by those that a test gives a value. */
export const NO_FIELDS: FieldValues = {
  ...{ src: 0, dst: 0, protocol: 0, fragment: 0, transportLength: 0, sport: 0, dport: 0, icmp: 0, tcpFlags: 0 },
  ...{ ctProtocol: 0, ctOrigSrc: 0, ctOrigDst: 0, ctReplySrc: 0, ctReplyDst: 0 },
  ...{ ctOrigSrc6: 0n, ctOrigDst6: 0n, ctReplySrc6: 0n, ctReplyDst6: 0n },
  ...{ ctOrigSport: 0, ctOrigDport: 0, ctReplySport: 0, ctReplyDport: 0, ctExpires: 0 },
  ...{ malformed: 0, forwardable: 0, state: 0, src6: 0n, dst6: 0n, inDevice: '', outDevice: '' },
};

export function fieldsOf(packet: HookPacket): FieldValues {
  const view = viewOf(packet);
  const isFirst = view.fragmentOffset === 0;
  const ports = isFirst ? view.transport(4) : undefined;
  const flags = isFirst ? view.transport(14) : undefined;
  return {
    ...NO_FIELDS,
    ...addressesOf(view),
    protocol: view.protocol,
    fragment: view.fragmentOffset,
    malformed: view.malformed ? 1 : 0,
    transportLength: Math.min(0xffff, Math.max(0, packet.bytes.length - view.transportOffset)),
    sport: ports?.getUint16(0) ?? 0,
    dport: ports?.getUint16(2) ?? 0,
    icmp: ports?.getUint16(0) ?? 0,
    tcpFlags: flags?.getUint8(13) ?? 0,
    inDevice: packet.inDevice,
    outDevice: packet.outDevice,
    ...connectionFields(packet.connection),
  };
}

const STATUS = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'SNAT', 'DNAT'] as const;

function connectionFields(connection: PacketConnection | undefined): Partial<FieldValues> {
  if (connection === undefined) return { state: 3 * 128 };
  if (connection === 'untracked') return { state: 4 * 128 };
  const { state, direction, status, protocol, original, reply, expires } = connection;
  const number = { ESTABLISHED: 0, RELATED: 1, NEW: 2 }[state];
  const bits = STATUS.reduce((sum, name, bit) => sum + (status.includes(name) ? 2 ** bit : 0), 0);
  return {
    state: number * 128 + (direction === 'REPLY' ? 64 : 0) + bits,
    ctProtocol: protocol,
    ...endsOf('ctOrig', original),
    ...endsOf('ctReply', reply),
    ctOrigSport: original.sourcePort,
    ctOrigDport: original.destinationPort,
    ctReplySport: reply.sourcePort,
    ctReplyDport: reply.destinationPort,
    ctExpires: expires,
  };
}

/** Addresses of each family have fields of their own. */
function endsOf(tuple: 'ctOrig' | 'ctReply', { source, destination }: ConnectionEnds): Partial<FieldValues> {
  const family = typeof source === 'bigint' ? '6' : '';
  return { [`${tuple}Src${family}`]: source, [`${tuple}Dst${family}`]: destination };
}

function addressesOf({ source, destination }: PacketView): Partial<FieldValues> {
  if (typeof source === 'number') return { src: source, dst: Number(destination) };
  return { src6: source, dst6: BigInt(destination) };
}
