// What kernel functions give a program, and what they refuse; and the fake kernel structures.

import { describe, expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R6, R9, R10 } from '../../../src/bpf/instruction.ts';
import { type NetfilterRun, runNetfilter, runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

const { layout } = FEATURES;
const netfilter = layout.netfilterContext!;
const PACKET = Uint8Array.from({ length: 24 }, (_, index) => index);

/** The 64 bits that a netfilter program leaves in R9. */
function resultOf(build: (a: Assembler) => void, run: Partial<NetfilterRun> = {}): bigint {
  const a = new Assembler();
  a.mov(R6, R1);
  build(a);
  a.loadMapValue(R1, 'out').store(8, R1, 0, R9).mov(R0, 1).exit();
  const out = new Uint8Array(8);
  const prepared = prepare({ name: 'p', type: 'netfilter', ...a.finish() });
  runNetfilter(prepared, { features: FEATURES, packet: PACKET, maps: new Map([['out', out]]), ...run });
  return new BigUint64Array(out.buffer)[0]!;
}

function dynptr(a: Assembler): Assembler {
  a.load(8, R1, R6, netfilter.skb).mov(R2, 0).mov(R3, R10).alu('add', R3, -16);
  return a.callKernel('bpf_dynptr_from_skb', 101);
}

function slice(a: Assembler, offset: number, size: number, buffer = -48): Assembler {
  a.mov(R1, R10).alu('add', R1, -16).mov(R2, offset).mov(R3, R10).alu('add', R3, buffer).mov(R4, size);
  return a.callKernel('bpf_dynptr_slice', 102);
}

describe('bpf_dynptr_slice', () => {
  it('gives the bytes at the offset, up to the last one', () => {
    expect(resultOf((a) => slice(dynptr(a), 4, 20).load(4, R9, R0, 0))).toBe(0x07060504n);
    expect(resultOf((a) => slice(dynptr(a), 4, 20).load(1, R9, R0, 19))).toBe(23n);
  });

  it('gives NULL where the packet ends before', () => {
    expect(resultOf((a) => slice(dynptr(a), 5, 20).mov(R9, R0))).toBe(0n);
    expect(resultOf((a) => slice(dynptr(a), -1, 1).mov(R9, R0))).toBe(0n);
  });

  it('gives no more than was asked for, read-only', () => {
    expect(() => resultOf((a) => slice(dynptr(a), 0, 4).load(2, R9, R0, 3))).toThrow('outside of the slice (4 bytes)');
    expect(() => resultOf((a) => slice(dynptr(a), 0, 4).store(1, R0, 0, 0))).toThrow('read-only');
  });

  it('wants a dynptr and a buffer of that size', () => {
    expect(() => resultOf((a) => slice(a, 0, 4))).toThrow('never written');
    expect(() => resultOf((a) => slice(a.store(8, R10, -16, 0).store(8, R10, -8, 0), 0, 4))).toThrow('r1 is no dynptr');
    expect(() => resultOf((a) => slice(dynptr(a), 0, 20, -12))).toThrow('store of 20 bytes outside of the stack');
  });
});

describe('bpf_map_lookup_elem', () => {
  const look = (a: Assembler, key: number) =>
    a.store(4, R10, -4, key).loadMap(R1, 'm').mov(R2, R10).alu('add', R2, -4).call(1);
  const maps = () =>
    new Map([
      ['m', Uint8Array.from({ length: 12 }, (_, index) => index)],
      ['out', new Uint8Array(8)],
    ]);
  const elementSizes = new Map([['m', 4]]);

  it('gives the address of an element, and NULL behind the last', () => {
    const at = (key: number) => {
      const values = maps();
      resultOf((a) => look(a, key).mov(R9, R0).jump('eq', R0, 0, skip(a)).load(4, R9, R0, 0).bind(label!), {
        maps: values,
        elementSizes,
      });
      return new BigUint64Array(values.get('out')!.buffer)[0];
    };
    expect([at(0), at(2), at(3), at(0x40000000)]).toEqual([0x03020100n, 0x0b0a0908n, 0n, 0n]);
  });

  it('takes a map without several elements for one', () => {
    const values = maps();
    resultOf((a) => look(a, 0).load(8, R9, R0, 4), { maps: values });
    expect(new BigUint64Array(values.get('out')!.buffer)[0]).toBe(0x0b0a090807060504n);
  });

  it('wants a map and a key', () => {
    const options = { maps: maps(), elementSizes };
    expect(() => resultOf((a) => look(a, 0).mov(R1, R6).mov(R2, R10).alu('add', R2, -4).call(1), options)).toThrow(
      'wants a map',
    );
    expect(() => resultOf((a) => a.loadMap(R1, 'm').mov(R2, R10).alu('add', R2, -4).call(1), options)).toThrow(
      'never written',
    );
  });

  let label: ReturnType<Assembler['label']> | undefined;
  function skip(a: Assembler) {
    label = a.label('missing');
    return label;
  }
});

it('bpf_dynptr_from_skb wants the sk_buff', () => {
  const build = (a: Assembler) => a.mov(R1, R6).mov(R2, 0).mov(R3, R10).alu('add', R3, -16);
  expect(() => resultOf((a) => build(a).callKernel('bpf_dynptr_from_skb', 101))).toThrow('r1 is not the sk_buff');
});

describe('kernel structures', () => {
  const nameOf = (a: Assembler, device: number) =>
    a.load(8, R1, R6, netfilter.state).load(8, R1, R1, device).load(4, R9, R1, layout.deviceName);

  it('have the names of devices, zeros where there is none', () => {
    const devices = { inDevice: { name: 'lo' }, outDevice: { name: 'eth0' } };
    expect(resultOf((a) => nameOf(a, layout.hookStateIn), devices)).toBe(0x6f6cn);
    expect(resultOf((a) => nameOf(a, layout.hookStateOut), devices)).toBe(0x30687465n);
    expect(resultOf((a) => nameOf(a, layout.hookStateOut))).toBe(0n);
  });

  it('have the packet length, and no members that were not laid out', () => {
    const read = (offset: number) => resultOf((a) => a.load(8, R1, R6, netfilter.skb).load(4, R9, R1, offset));
    expect(read(layout.skbLen)).toBe(24n);
    expect(() => read(layout.skbLen + 8)).toThrow('outside of sk_buff (its known members)');
  });

  it('lead from the XDP context to the MAC address', () => {
    const a = new Assembler();
    a.callKernel('bpf_cast_to_kern_ctx', 103).load(8, R1, R0, layout.xdpRxq).load(8, R1, R1, layout.rxqDevice);
    a.load(8, R0, R1, layout.deviceAddress).alu('rsh', R0, 40).exit();
    const device = { ifindex: 2, name: 'eth0', mac: Uint8Array.of(2, 0, 0, 0, 0, 77) };
    const prepared = prepare({ name: 'p', type: 'xdp', ...a.finish() });
    expect(runXdp(prepared, { features: FEATURES, frame: new Uint8Array(60), device })).toBe(77);
    expect(() => runNetfilter(prepared, { features: FEATURES, packet: PACKET })).toThrow('p is no netfilter program');
  });
});

it('refuses a verdict that netfilter does not know', () => {
  const a = new Assembler();
  a.mov(R0, 2).exit();
  const prepared = prepare({ name: 'p', type: 'netfilter', ...a.finish() });
  expect(() => runNetfilter(prepared, { features: FEATURES, packet: PACKET })).toThrow('returns 2');
});
