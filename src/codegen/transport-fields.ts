// Ports and flags: fields that not every packet has. Those it lacks are 0.

import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, type Register } from '../bpf/instruction.ts';
import { storeField } from './key.ts';

/** Bytes of a transport header up to its ports' end, and up to the TCP flags' end. */
export const PORTS = 4;
export const TRANSPORT_HEADER = 14;
export const FLAGS_OFFSET = 13;

/** How a prologue reads a transport header. */
export interface TransportSource {
  /** Holds the fragment offset: later fragments have no transport header. */
  readonly fragment: Register;
  /** Jumps to `missing` unless the packet has the first `size` bytes. Anything but R6–R9 may be lost. */
  require(size: number, missing: Label): void;
  /** R2 = the bytes at `offset`, as they are loaded. Keeps what `require` needs. */
  load(size: 1 | 2, offset: number): void;
}

/**
 * The header at R0 of a frame whose packet has R1 bytes behind it; R3 is `data_end`. A packet that has the header, but not in
 * the frame's first buffer, goes to `behind`.
 */
export function frameTransport(a: Assembler, fragment: Register, behind: Label): TransportSource {
  return {
    fragment,
    require(size, missing) {
      a.jump('lt', R1, size, missing).mov(R2, R0).alu('add', R2, size).jump('gt', R2, R3, behind);
    },
    load(size, offset) {
      a.load(size, R2, R0, offset);
    },
  };
}

/** Whether a prologue for these fields reads the transport header. */
export function asksTransport(fields: ReadonlySet<Field>): boolean {
  return asksPorts(fields) || fields.has('tcpFlags');
}

export function asksPorts(fields: ReadonlySet<Field>): boolean {
  return fields.has('sport') || fields.has('icmp') || fields.has('dport');
}

/** Stores those of ports and flags that are asked for. Clobbers R2, and what `source` does. */
export function emitTransportFields(a: Assembler, fields: ReadonlySet<Field>, source: TransportSource): void {
  const none = a.label('no ports');
  const portsOnly = a.label('no flags');
  const done = a.label('transport fields are stored');
  const ports = () => {
    if (fields.has('sport') || fields.has('icmp')) {
      source.load(2, 0);
      a.bigEndian(R2, 16);
      storeField(a, 'sport', R2);
    }
    if (fields.has('dport')) {
      source.load(2, 2);
      a.bigEndian(R2, 16);
      storeField(a, 'dport', R2);
    }
  };
  a.jump('ne', source.fragment, 0, none);
  if (fields.has('tcpFlags')) {
    source.require(TRANSPORT_HEADER, portsOnly);
    source.load(1, FLAGS_OFFSET);
    storeField(a, 'tcpFlags', R2);
    ports();
    a.goto(done).bind(portsOnly);
    storeField(a, 'tcpFlags', 0);
  }
  if (asksPorts(fields)) {
    source.require(PORTS, none);
    ports();
  }
  a.goto(done).bind(none);
  if (fields.has('tcpFlags')) storeField(a, 'tcpFlags', 0);
  if (asksPorts(fields)) {
    storeField(a, 'sport', 0);
    storeField(a, 'dport', 0);
  }
  a.bind(done);
}
