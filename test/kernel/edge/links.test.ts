// Attaching: priorities, modes, what a device refuses and how that is told, devices that vanish.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../../src/base/family.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import type { ProgramType } from '../../../src/bpf/image.ts';
import { R0 } from '../../../src/bpf/instruction.ts';
import {
  dispatcherMaps,
  familiesOfDispatcher,
  STATE,
  STATE_MAP,
  xdpDispatcher,
} from '../../../src/codegen/dispatcher.ts';
import {
  attachNetfilter,
  attachXdp,
  closeDescriptor,
  createMap,
  linkProgramName,
  loadProgram,
  mapMemory,
  netfilterPriority,
  testRun,
  unmapMemory,
  updateXdp,
  xdpLinkDevice,
} from '../../../src/kernel/bpf.ts';
import { TestNamespace } from './test-namespace.ts';

const LOCAL_IN = 1;

let namespace: TestNamespace;
let opened: number[];

beforeEach(() => {
  opened = [];
  namespace = new TestNamespace();
});

afterEach(() => {
  for (const descriptor of opened) closeDescriptor(descriptor);
  namespace.remove();
});

function kept(descriptor: number): number {
  opened.push(descriptor);
  return descriptor;
}

function returning(type: ProgramType, verdict: number): number {
  return kept(loadProgram({ name: 'test', type, ...new Assembler().mov(R0, verdict).exit().finish() }, new Map()));
}

/** Attaches a program that passes everything to a device of the namespace. */
function attach(device: string, mode: 'native' | 'generic'): number {
  const { ifindex } = namespace.link(device);
  return namespace.inside(() => kept(attachXdp(returning('xdp', 2), { ifindex, name: 'the device' }, mode)));
}

describe('netfilter links', () => {
  /** What happens to a connection to a port of loopback that nobody listens at. */
  const connect = (address = '127.0.0.1') =>
    namespace.exec(
      process.execPath,
      '-e',
      `const say = (text) => { console.log(text); process.exit(); };
       require('node:net').connect(9, '${address}').on('error', (e) => say(e.code)).setTimeout(300, () => say('lost'));`,
    );

  it('enforce in their namespace until they are closed', () => {
    namespace.ip('link set lo up');
    expect(connect()).toBe('ECONNREFUSED\n');
    const link = namespace.inside(() => attachNetfilter(returning('netfilter', 0), 'ipv4', LOCAL_IN, -1)!);
    expect(connect()).toBe('lost\n');
    closeDescriptor(link);
    expect(connect()).toBe('ECONNREFUSED\n');
  });

  it('of IPv6 leave IPv4 alone, and may have its priority', () => {
    namespace.ip('link set lo up');
    const drop = returning('netfilter', 0);
    const link = namespace.inside(() => kept(attachNetfilter(drop, 'ipv6', LOCAL_IN, -1)!));
    expect(connect()).toBe('ECONNREFUSED\n');
    expect(connect('::1')).toBe('lost\n');
    const other = namespace.inside(() => attachNetfilter(returning('netfilter', 1), 'ipv4', LOCAL_IN, -1));
    expect([link, kept(other!)].map(netfilterPriority)).toEqual([-1, -1]);
  });

  it('leave a priority to whoever has it', () => {
    const program = returning('netfilter', 1);
    const [first, second, other] = namespace.inside(() => [
      attachNetfilter(program, 'ipv4', LOCAL_IN, -1),
      attachNetfilter(program, 'ipv4', LOCAL_IN, -1),
      attachNetfilter(program, 'ipv4', LOCAL_IN, -2),
    ]);
    expect(second).toBeUndefined();
    expect([kept(first!), kept(other!)].map(netfilterPriority)).toEqual([-1, -2]);
  });

  it('find the priority of the kernel filter taken as soon as that table is there', () => {
    namespace.exec('iptables-legacy', '-L', '-n');
    const program = returning('netfilter', 1);
    expect(namespace.inside(() => attachNetfilter(program, 'ipv4', LOCAL_IN, 0))).toBeUndefined();
    expect(kept(namespace.inside(() => attachNetfilter(program, 'ipv4', LOCAL_IN, -1))!)).toBeGreaterThan(0);
  });
});

describe('XDP links', () => {
  it.each(['native', 'generic'] as const)('%s on a veth', (mode) => {
    namespace.ip('link add v0 type veth peer name v1');
    const link = attach('v0', mode);
    expect(xdpLinkDevice(link)).toBe(namespace.link('v0').ifindex);
    expect(namespace.link('v0').xdp).toBe(mode);
    expect(namespace.link('v1').xdp).toBeUndefined();
  });

  it('leave a program of somebody else in place', () => {
    namespace.ip('link add v0 type veth peer name v1');
    const first = attach('v0', 'generic');
    expect(() => attach('v0', 'generic')).toThrow(/cannot attach generic XDP to the device: EBUSY \(.*attached/);
    expect(() => attach('v0', 'native')).toThrow(/cannot attach native XDP to the device: EEXIST/);
    expect(xdpLinkDevice(first)).toBe(namespace.link('v0').ifindex);
  });

  it("tell the driver's reason", () => {
    namespace.ip('link add v0 numrxqueues 1 numtxqueues 1 type veth peer name v1 numrxqueues 2 numtxqueues 2');
    expect(() => attach('v0', 'native')).toThrow(/ENOSPC \(.*queues.*\)/);
    expect(namespace.link('v0').xdp).toBeUndefined();
  });

  it('serve frames of several pages', () => {
    namespace.ip('link add v0 mtu 9000 type veth peer name v1 mtu 9000');
    attach('v0', 'native');
    expect(namespace.link('v0').xdp).toBe('native');
  });

  it('are refused natively where the driver has no XDP', () => {
    namespace.ip('link add b0 type bridge');
    expect(() => attach('b0', 'native')).toThrow(/EOPNOTSUPP \(.+\)/);
    attach('b0', 'generic');
    expect(namespace.link('b0').xdp).toBe('generic');
  });

  it.each(['native', 'generic'] as const)(
    '%s: take another program in place, and tell what theirs is called',
    (mode) => {
      namespace.ip('link add v0 type veth peer name v1');
      const maps = new Map(dispatcherMaps().map((definition) => [definition.name, kept(createMap(definition))]));
      const dispatchers = [['ipv4'], FAMILIES, ['ipv6']] as const;
      const loaded = dispatchers.map((families) => kept(loadProgram(xdpDispatcher(families), maps)));
      const { ifindex } = namespace.link('v0');
      const link = namespace.inside(() => kept(attachXdp(loaded[0]!, { ifindex, name: 'v0' }, mode)));
      const state = mapMemory(maps.get(STATE_MAP)!, STATE.size);
      for (const family of FAMILIES) state[STATE.generation[family]] = 1;
      for (const [index, families] of dispatchers.entries()) {
        if (index > 0) updateXdp(link, loaded[index]!);
        expect(familiesOfDispatcher(linkProgramName(link))).toEqual(families);
        expect(namespace.link('v0').xdp).toBe(mode);
      }
      // Slots are empty: each family drops what is its own, and the dispatcher of one alone drops all.
      const verdicts = [
        [8, 0],
        [0x86, 0xdd],
        [8, 6],
      ].map((etherType) => {
        const frame = new Uint8Array(60);
        frame.set(etherType, 12);
        return loaded.map((program) => testRun(program, frame).result);
      });
      expect(verdicts).toEqual([
        [1, 1, 1],
        [1, 1, 1],
        [1, 2, 1],
      ]);
      unmapMemory(state);
    },
  );

  it('outlive their device, and say so', () => {
    namespace.ip('link add v0 type veth peer name v1');
    const link = attach('v0', 'generic');
    namespace.ip('link del v0');
    expect(xdpLinkDevice(link)).toBe(0);
  });
});
