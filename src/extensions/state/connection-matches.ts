// What `-m conntrack` and `-m state` say of one packet, for the reference interpreter, after iptables-extensions(8) and
// what iptables-legacy does.

import type { Address } from '../../base/address.ts';
import type { PacketConnection, TrackedConnection } from '../../base/connection.ts';
import type { PacketView } from '../../base/packet.ts';
import type { HostPrefix } from '../values/host-prefix.ts';
import type { Condition, ConntrackData } from './conntrack.ts';
import type { StateData } from './state.ts';

export function matchState({ states, negated }: StateData, { packet }: PacketView): boolean {
  return states.some((state) => state === stateOf(packet.connection)) !== negated;
}

/**
 * A packet of no connection has the state INVALID or UNTRACKED and nothing else: it is asked for its state alone, and without
 * `--ctstate` it does not match. One of a connection must meet every condition.
 */
export function matchConntrack(data: ConntrackData, { packet }: PacketView): boolean {
  const { connection } = packet;
  const isTracked = connection !== undefined && connection !== 'untracked';
  if (data.state !== undefined) {
    const states: string[] = [stateOf(connection), ...(isTracked ? connection.status : [])];
    const holds = data.state.value.some((state) => states.includes(state));
    if (holds === data.state.negated) return false;
  }
  return isTracked ? meetsAll(data, connection) : data.state !== undefined;
}

function meetsAll(data: ConntrackData, { direction, status, protocol, original, reply, expires }: TrackedConnection) {
  const between = (value: number) => (asked: { readonly low: number; readonly high: number }) =>
    asked.low <= value && value <= asked.high;
  const is =
    <T>(value: T) =>
    (asked: T) =>
      asked === value;
  const inside = (address: Address) => (prefix: HostPrefix) => isInside(address, prefix);
  return (
    meets(data.direction, is(direction)) &&
    meets(data.originalSource, inside(original.source)) &&
    meets(data.originalDestination, inside(original.destination)) &&
    meets(data.replySource, inside(reply.source)) &&
    meets(data.replyDestination, inside(reply.destination)) &&
    meets(data.protocol, is(protocol)) &&
    meets(data.originalSourcePort, between(original.sourcePort)) &&
    meets(data.originalDestinationPort, between(original.destinationPort)) &&
    meets(data.replySourcePort, between(reply.sourcePort)) &&
    meets(data.replyDestinationPort, between(reply.destinationPort)) &&
    // NONE, an empty list, is met by no connection.
    meets(data.status, (asked) => asked.some((each) => status.includes(each))) &&
    meets(data.expires, between(expires))
  );
}

function meets<T>(condition: Condition<T> | undefined, test: (asked: T) => boolean): boolean {
  return condition === undefined || test(condition.value) !== condition.negated;
}

function stateOf(connection: PacketConnection | undefined): string {
  if (connection === undefined) return 'INVALID';
  return connection === 'untracked' ? 'UNTRACKED' : connection.state;
}

/** Whether as many first bits are equal as the prefix is long. */
function isInside(address: Address, prefix: HostPrefix): boolean {
  const rest = BigInt((typeof address === 'bigint' ? 128 : 32) - prefix.length);
  return BigInt(address) >> rest === BigInt(prefix.address) >> rest;
}
