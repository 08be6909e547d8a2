// The state of packets without a connection as XDP finds it: by header, and by the kernel's own table of connections.

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { CLASS_SHIFT, STATE_CLASSES, UNVERIFIED } from '../../../src/base/connection-state.ts';
import type { Family } from '../../../src/base/family.ts';
import type { HookPacket } from '../../../src/base/packet.ts';
import type { NumericField } from '../../../src/base/predicate.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { R0, R1, R6, R10 } from '../../../src/bpf/instruction.ts';
import { emitEarlyState, STATE_ASKS } from '../../../src/codegen/early-connection.ts';
import { clearFields, loadField, storeField, WIDE_OFFSET } from '../../../src/codegen/key.ts';
import { loadProgram, testRun } from '../../../src/kernel/bpf.ts';
import { probeFeatures } from '../../../src/kernel/features.ts';
import { closeDescriptor } from '../../../src/kernel/syscall.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { Namespace } from '../../harness/namespace.ts';

const PORT = 5000;
const UNKNOWN = 0xffff;

interface Segment {
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  readonly sport?: number;
  readonly flags?: number;
  /** Of the TCP header, in words. */
  readonly header?: number;
  /** As the UDP header has it. */
  readonly length?: number;
  /** Bytes behind the IP header. */
  readonly size?: number;
}

const NUMBER = { tcp: 6, udp: 17, icmp: 1 } as const;

/** A family: its tools, this host's address, and headers between that address and itself. */
const FAMILIES = {
  ipv4: {
    command: 'iptables-legacy',
    here: '10.9.0.1',
    socket: 'udp4',
    etherType: '0800',
    header: (protocol: number, size: number) => {
      const address = [10, 9, 0, 1];
      return [0x45, 0, 0, 20 + size, 0, 0, 0, 0, 64, protocol, 0, 0, ...address, ...address];
    },
  },
  ipv6: {
    command: 'ip6tables-legacy',
    here: '2001:db8::9',
    socket: 'udp6',
    etherType: '86dd',
    header: (protocol: number, size: number) => {
      const address = [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 9];
      return [0x60, 0, 0, 0, 0, size, protocol, 64, ...address, ...address];
    },
  },
} as const;

function packet(family: Family, segment: Segment): HookPacket {
  const { protocol = 'tcp', sport = 4000, flags = 2, header = 5, length = 8, size = 20 } = segment;
  const transport = Buffer.alloc(40);
  transport.writeUInt16BE(sport, 0);
  transport.writeUInt16BE(PORT, 2);
  if (protocol === 'udp') transport.writeUInt16BE(length, 4);
  if (protocol === 'tcp') transport.set([header << 4, flags], 12);
  const bytes = Buffer.from([...FAMILIES[family].header(NUMBER[protocol], size), ...transport.subarray(0, size)]);
  return { family, hook: 'INPUT', inDevice: 'lo', outDevice: '', bytes };
}

/** The class that the program finds, or nothing where it is not certain. */
function stateOf(namespace: Namespace, family: Family, segment: Segment, strict = false): string | undefined {
  const { bytes, ...rest } = packet(family, segment);
  const values = fieldsOf({ ...rest, bytes });
  const a = new Assembler();
  const unknown = a.label('unknown');
  a.from({ file: 'test', line: 1, column: 1, text: 'state' }).mov(R6, R1);
  clearFields(a, new Set(['state']), ['state']);
  for (const field of STATE_ASKS[family]) {
    if (field === 'src6' || field === 'dst6') {
      const source = bytes.subarray(field === 'src6' ? 8 : 24);
      const word = (at: number) => Buffer.from(source).readUInt32LE(at);
      for (const at of [0, 4, 8, 12]) a.mov(R0, word(at) | 0).store(4, R10, WIDE_OFFSET[field] + at, R0);
    } else storeField(a, field as NumericField, values[field as NumericField]);
  }
  emitEarlyState(a, probeFeatures(), family, strict, unknown);
  loadField(a, R0, 'state');
  a.exit().bind(unknown).mov(R0, UNKNOWN).exit();
  const program = loadProgram({ name: 'state', type: 'xdp', ...a.finish() }, new Map());
  try {
    const frame = Buffer.concat([Buffer.from(`${'00'.repeat(12)}${FAMILIES[family].etherType}`, 'hex'), bytes]);
    const { result } = namespace.enter(() => testRun(program, frame));
    if (result === UNVERIFIED) return 'unverified';
    return result === UNKNOWN ? undefined : STATE_CLASSES[result >> CLASS_SHIFT];
  } finally {
    closeDescriptor(program);
  }
}

it.each(['ipv4', 'ipv6'] as const)(
  'of %s is NEW or INVALID by the header, and unknown where there is a connection',
  (family) => {
    const { command, here, socket } = FAMILIES[family];
    const namespace = new Namespace('state');
    try {
      namespace.sysctl('net.ipv6.conf.lo.disable_ipv6', 0);
      namespace.exec(command, ['-A', 'INPUT', '-m', 'state', '--state', 'NEW']);
      namespace.ip(`addr add ${here}/${family === 'ipv4' ? 32 : 128} dev lo`);
      const say = (segment: Segment) => stateOf(namespace, family, segment);
      const flags = (name: string, value: number) => [name, say({ flags: value })];
      const [fin, syn, rst, psh, ack, urg, ece, cwr] = [1, 2, 4, 8, 16, 32, 64, 128];
      expect([
        flags('SYN', syn!),
        flags('SYN ECE CWR', syn! | ece! | cwr!),
        flags('SYN URG', syn! | urg!),
        flags('SYN ACK', syn! | ack!),
        flags('ACK', ack!),
        flags('ACK PSH', ack! | psh!),
        flags('ACK FIN', ack! | fin!),
        flags('RST', rst!),
        flags('none', 0),
        flags('all', 255),
        flags('SYN FIN', syn! | fin!),
      ]).toEqual([
        ['SYN', 'NEW'],
        ['SYN ECE CWR', 'NEW'],
        ['SYN URG', 'NEW'],
        ['SYN ACK', 'INVALID'],
        ['ACK', 'NEW'],
        ['ACK PSH', 'NEW'],
        ['ACK FIN', 'INVALID'],
        ['RST', 'INVALID'],
        ['none', 'INVALID'],
        ['all', 'INVALID'],
        ['SYN FIN', 'INVALID'],
      ]);
      namespace.sysctl('net.netfilter.nf_conntrack_tcp_loose', 0);
      expect([say({ flags: ack }), say({ flags: syn })]).toEqual(['INVALID', 'NEW']);
      expect([say({ header: 4 }), say({ header: 6 }), say({ size: 24, header: 6 })]).toEqual([
        'INVALID',
        'INVALID',
        'NEW',
      ]);
      expect([say({ size: 12 }), say({ protocol: 'udp', size: 4 })]).toEqual(['INVALID', 'INVALID']);
      const udp = (length: number, size: number) => say({ protocol: 'udp', length, size });
      expect([udp(8, 8), udp(8, 20), udp(7, 20), udp(20, 20), udp(21, 20)]).toEqual([
        ...(['NEW', 'NEW', 'INVALID', 'NEW', 'INVALID'] as const),
      ]);
      expect(say({ protocol: 'icmp' })).toBeUndefined();
      const strict = [{}, { flags: fin! }, { protocol: 'udp' as const }, { protocol: 'udp' as const, length: 7 }];
      expect(strict.map((segment) => stateOf(namespace, family, segment, true))).toEqual([
        ...['unverified', 'INVALID', 'unverified', 'INVALID'],
      ]);

      const send = `const s=require('dgram').createSocket('${socket}');s.bind(4000,'${here}',()=>s.send('x',${PORT},'${here}',()=>s.close()))`;
      execFileSync('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', send]);
      expect([say({ protocol: 'udp' }), say({ protocol: 'udp', sport: 4001 })]).toEqual([undefined, 'NEW']);
    } finally {
      namespace.remove();
    }
  },
);
