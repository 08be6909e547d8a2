// The state of packets without a connection as XDP finds it: by header, and by the kernel's own table of connections.

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { CLASS_SHIFT, STATE_CLASSES } from '../../../src/base/connection-state.ts';
import type { HookPacket } from '../../../src/base/packet.ts';
import type { NumericField } from '../../../src/base/predicate.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { R0, R1, R6 } from '../../../src/bpf/instruction.ts';
import { emitEarlyState, STATE_ASKS } from '../../../src/codegen/early-connection.ts';
import { clearFields, loadField, storeField } from '../../../src/codegen/key.ts';
import { loadProgram, testRun } from '../../../src/kernel/bpf.ts';
import { probeFeatures } from '../../../src/kernel/features.ts';
import { closeDescriptor } from '../../../src/kernel/syscall.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { Namespace } from '../../harness/namespace.ts';

const [HERE, PORT] = ['10.9.0.1', 5000];
const UNKNOWN = 0xffff;

interface Segment {
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  readonly sport?: number;
  readonly flags?: number;
  /** Of the TCP header, in words. */
  readonly header?: number;
  /** As the UDP header has it. */
  readonly length?: number;
  /** Bytes behind the IPv4 header. */
  readonly size?: number;
}

const NUMBER = { tcp: 6, udp: 17, icmp: 1 } as const;

function packet({ protocol = 'tcp', sport = 4000, flags = 2, header = 5, length = 8, size = 20 }: Segment): HookPacket {
  const bytes = Buffer.alloc(20 + size);
  bytes.set([0x45, 0, 0, bytes.length, 0, 0, 0, 0, 64, NUMBER[protocol]]);
  bytes.set([10, 9, 0, 1, 10, 9, 0, 1], 12);
  const transport = Buffer.alloc(40);
  transport.writeUInt16BE(sport, 0);
  transport.writeUInt16BE(PORT, 2);
  if (protocol === 'udp') transport.writeUInt16BE(length, 4);
  if (protocol === 'tcp') transport.set([header << 4, flags], 12);
  bytes.set(transport.subarray(0, size), 20);
  return { hook: 'INPUT', inDevice: 'lo', outDevice: '', bytes };
}

/** The class that the program finds, or nothing where it is not certain. */
function stateOf(namespace: Namespace, segment: Segment): string | undefined {
  const { bytes, ...rest } = packet(segment);
  const values = fieldsOf({ ...rest, bytes });
  const a = new Assembler();
  const unknown = a.label('unknown');
  a.from({ file: 'test', line: 1, column: 1, text: 'state' }).mov(R6, R1);
  clearFields(a, new Set(['state']), ['state']);
  for (const field of STATE_ASKS) storeField(a, field as NumericField, values[field as NumericField]);
  emitEarlyState(a, probeFeatures(), unknown);
  loadField(a, R0, 'state');
  a.exit().bind(unknown).mov(R0, UNKNOWN).exit();
  const program = loadProgram({ name: 'state', type: 'xdp', ...a.finish() }, new Map());
  try {
    const frame = Buffer.concat([Buffer.from('0000000000000000000000000800', 'hex'), bytes]);
    const { result } = namespace.enter(() => testRun(program, frame));
    return result === UNKNOWN ? undefined : STATE_CLASSES[result >> CLASS_SHIFT];
  } finally {
    closeDescriptor(program);
  }
}

it('is NEW or INVALID by the header, and unknown where there is a connection', () => {
  const namespace = new Namespace('state');
  try {
    namespace.exec('iptables-legacy', ['-A', 'INPUT', '-m', 'state', '--state', 'NEW']);
    namespace.ip(`addr add ${HERE}/32 dev lo`);
    const say = (segment: Segment) => stateOf(namespace, segment);
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

    const send = `const s=require('dgram').createSocket('udp4');s.bind(4000,'${HERE}',()=>s.send('x',${PORT},'${HERE}',()=>s.close()))`;
    execFileSync('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', send]);
    expect([say({ protocol: 'udp' }), say({ protocol: 'udp', sport: 4001 })]).toEqual([undefined, 'NEW']);
  } finally {
    namespace.remove();
  }
});
