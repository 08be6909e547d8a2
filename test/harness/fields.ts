// The field values of a packet, as src/base/predicate.ts defines them, for evaluating graphs without compiling them.

import { type HookPacket, type PacketView, viewOf } from '../../src/base/packet.ts';
import type { FieldValues } from '../../src/base/predicate.ts';

/** Every field 0, or empty: to be told apart by those that a test gives a value. */
export const NO_FIELDS: FieldValues = {
  ...{ src: 0, dst: 0, protocol: 0, fragment: 0, transportLength: 0, sport: 0, dport: 0, icmp: 0, tcpFlags: 0 },
  ...{ malformed: 0, state: 0, src6: 0n, dst6: 0n, inDevice: '', outDevice: '' },
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
  };
}

function addressesOf({ source, destination }: PacketView): Partial<FieldValues> {
  if (typeof source === 'number') return { src: source, dst: Number(destination) };
  return { src6: source, dst6: BigInt(destination) };
}
