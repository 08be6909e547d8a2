// The words that early verdicts rest on, on the real kernel: every change that could make one wrong is seen, and
// nothing else is; who hooks is known by name.

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { R0, R1, R6 } from '../../../src/bpf/instruction.ts';
import { MOST_RULE_BYTES } from '../../../src/codegen/foreign-words.ts';
import { emitGuards, GUARD_MAP, GUARDS, guardMap } from '../../../src/codegen/guards.ts';
import {
  readSurroundings,
  SURROUNDINGS_MAP,
  type Surroundings,
  surroundingsMap,
  surroundingsProgram,
  WORDS,
} from '../../../src/codegen/surroundings.ts';
import { createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../../src/kernel/bpf.ts';
import { probeFeatures } from '../../../src/kernel/features.ts';
import { closeDescriptor } from '../../../src/kernel/syscall.ts';
import { Namespace } from '../../harness/namespace.ts';

const [SAME, CHANGED] = [1, 2];
const open: (() => void)[] = [];

afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

function mapped(definition: ReturnType<typeof guardMap>): { map: number; bytes: Uint8Array } {
  const map = createMap(definition);
  const bytes = mapMemory(map, definition.valueSize);
  open.push(() => {
    unmapMemory(bytes);
    closeDescriptor(map);
  });
  return { map, bytes };
}

function loaded(program: Parameters<typeof loadProgram>[0], name: string, map: number): number {
  const descriptor = loadProgram(program, new Map([[name, map]]));
  open.push(() => closeDescriptor(descriptor));
  return descriptor;
}

class Guarded {
  private readonly namespace: Namespace;
  private readonly guards = mapped(guardMap());
  private readonly around = mapped(surroundingsMap());
  private readonly reader: number;
  private readonly guard: number;
  private readonly family: Family;

  constructor(namespace: Namespace, family: Family) {
    this.namespace = namespace;
    this.family = family;
    const features = probeFeatures();
    this.reader = loaded(surroundingsProgram(features, family), SURROUNDINGS_MAP, this.around.map);
    const a = new Assembler();
    const changed = a.label('changed');
    a.from({ file: 'test', line: 1, column: 1, text: 'guards' }).mov(R6, R1);
    emitGuards(a, features, family, changed);
    a.mov(R0, SAME).exit().bind(changed).mov(R0, CHANGED).exit();
    this.guard = loaded({ name: 'guard', type: 'xdp', ...a.finish() }, GUARD_MAP, this.guards.map);
  }

  surroundings(): Surroundings {
    this.run(this.reader);
    return readSurroundings(this.around.bytes);
  }

  keep(): void {
    this.guards.bytes.set(this.surroundings().words, GUARDS[this.family]);
  }

  isSame(): boolean {
    return this.run(this.guard) === SAME;
  }

  private run(program: number): number {
    return this.namespace.enter(() => testRun(program, new Uint8Array(64)).result);
  }
}

function withNamespace(work: (namespace: Namespace) => void): void {
  const namespace = new Namespace('guard');
  try {
    namespace.sysctl('net.ipv6.conf.all.disable_ipv6', 0);
    namespace.sysctl('net.ipv6.conf.lo.disable_ipv6', 0);
    work(namespace);
  } finally {
    namespace.remove();
  }
}

/** What changes the ground of verdicts of one family, and leaves the other's alone. */
const CHANGES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    'ip addr add 192.0.2.1/24 dev lo',
    'ip route add 198.51.100.0/24 dev lo',
    'ip route add local 203.0.113.9/32 dev lo',
    'ip rule add from 192.0.2.77 lookup 77',
    'sysctl -qw net.ipv4.conf.all.forwarding=1',
    'nft add table ip one',
    'iptables-legacy -t nat -A POSTROUTING -j ACCEPT',
    'nft add chain ip one in { type filter hook input priority -5 ; }',
    'nft add chain ip one pre { type filter hook prerouting priority -300 ; }',
    'nft delete table ip one',
  ],
  ipv6: [
    'ip addr add 2001:db8::1/128 dev lo',
    'ip -6 route add 2001:db8:1::/64 dev lo',
    'ip -6 route add unreachable 2001:db8:1:2::/64',
    'ip -6 route replace 2001:db8:1::/64 dev lo metric 7',
    'ip -6 route del unreachable 2001:db8:1:2::/64',
    'ip -6 route add local 2001:db8:3::9/128 dev lo',
    'ip -6 route del local 2001:db8:3::9/128 dev lo',
    'ip -6 rule add from 2001:db8::77 lookup 77',
    'ip -6 rule del from 2001:db8::77 lookup 77',
    'ip addr del 2001:db8::1/128 dev lo',
    'sysctl -qw net.ipv6.conf.all.forwarding=1',
    'sysctl -qw net.ipv6.conf.all.forwarding=0',
    'ip6tables-legacy -t raw -A PREROUTING -j ACCEPT',
    'nft add table ip6 two',
    'nft add chain ip6 two in { type filter hook input priority -5 ; }',
    'nft delete table ip6 two',
  ],
};
/** What changes rules that packets meet before the filter table. Most of it makes no list of hooks anew. */
const CHANGES_OF_RULES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    'iptables-legacy -t nat -A PREROUTING -p tcp --dport 23 -j REDIRECT',
    'iptables-legacy -t nat -R PREROUTING 1 -p tcp --dport 24 -j REDIRECT',
    'iptables-legacy -t nat -N one',
    'iptables-legacy -t nat -A one -p tcp --dport 23 -j REDIRECT',
    'iptables-legacy -t nat -D PREROUTING 1',
    'nft add table ip three',
    'nft add chain ip three pre { type nat hook prerouting priority -90 ; }',
    'nft add chain ip three other',
    'nft add rule ip three pre tcp dport 25 redirect',
    'nft flush chain ip three pre',
    'nft delete table ip three',
    'iptables-nft -t nat -A PREROUTING -p tcp --dport 23 -j REDIRECT',
    'iptables-nft -t nat -F PREROUTING',
    'iptables-legacy -t raw -A PREROUTING -d 192.0.2.9 ! -i lo -j DROP',
    'iptables-legacy -t raw -R PREROUTING 1 -d 192.0.2.8 ! -i lo -j DROP',
    'iptables-legacy -t raw -A OUTPUT -d 192.0.2.8 -j DROP',
    'iptables-legacy -t mangle -A FORWARD -p tcp -j DROP',
    'iptables-legacy -t mangle -P INPUT DROP',
    'iptables-nft -t raw -A PREROUTING -d 192.0.2.9 -j DROP',
    'iptables-nft -t raw -D PREROUTING 1',
    'iptables-nft -t mangle -A FORWARD -p tcp -j DROP',
    'iptables-nft -t mangle -R FORWARD 1 -p udp -j DROP',
  ],
  ipv6: [
    'ip6tables-legacy -t nat -A PREROUTING -p tcp --dport 23 -j REDIRECT',
    'ip6tables-legacy -t nat -R PREROUTING 1 -p tcp --dport 24 -j REDIRECT',
    'ip6tables-legacy -t mangle -A INPUT -p tcp -j DROP',
    'ip6tables-legacy -t mangle -R INPUT 1 -p udp -j DROP',
  ],
};
/** Of those the ones that change nothing that is asked. */
const IDLE: ReadonlySet<string> = new Set(['nft add table ip one', 'nft add table ip6 two']);

describe.each(['ipv4', 'ipv6'] as const)('the guards of %s', (family) => {
  it.each([
    ['something', CHANGES[family]],
    ['rules in front', CHANGES_OF_RULES[family]],
  ])('hold nothing before words are kept, and then until %s changes', (_, changes) => {
    withNamespace((namespace) => {
      const guarded = new Guarded(namespace, family);
      expect(guarded.isSame()).toBe(false);
      guarded.keep();
      expect(guarded.isSame()).toBe(true);
      for (const change of changes) {
        const [command, ...words] = change.split(' ');
        namespace.exec(command!, words);
        expect([change, guarded.isSame()]).toEqual([change, IDLE.has(change)]);
        guarded.keep();
        expect([change, guarded.isSame()]).toEqual([change, true]);
      }
    });
  });

  it('do not mind the other family', () => {
    withNamespace((namespace) => {
      const guarded = new Guarded(namespace, family);
      guarded.keep();
      const other = family === 'ipv4' ? 'ipv6' : 'ipv4';
      for (const change of [...CHANGES[other], ...CHANGES_OF_RULES[other]]) {
        const [command, ...words] = change.split(' ');
        namespace.exec(command!, words);
      }
      expect(guarded.isSame()).toBe(true);
    });
  });
});

it.each([
  ['fwd', 'policy add dir fwd src 192.0.2.0/24 dst 198.51.100.0/24', 'policy flush'],
  ['out', 'policy add dir out src 192.0.2.0/24 dst 198.51.100.0/24', 'policy flush'],
  ['default for fwd', 'policy setdefault fwd block', 'policy setdefault fwd accept'],
  ['default for out', 'policy setdefault out block', 'policy setdefault out accept'],
])('do not hold while IPsec has policies for forwarded packets: %s', (_, make, undo) => {
  withNamespace((namespace) => {
    const guarded = new Guarded(namespace, 'ipv4');
    namespace.ip(`xfrm ${make}`);
    guarded.keep();
    expect(guarded.isSame()).toBe(false);
    namespace.ip(`xfrm ${undo}`);
    guarded.keep();
    expect(guarded.isSame()).toBe(true);
  });
});

it('of IPv6 do not hold where the device takes no packets', () => {
  withNamespace((namespace) => {
    const guarded = new Guarded(namespace, 'ipv6');
    for (const isOff of [0, 1, 0]) {
      namespace.sysctl('net.ipv6.conf.lo.disable_ipv6', isOff);
      guarded.keep();
      expect(guarded.isSame()).toBe(isOff === 0);
    }
  });
});

it.each(['nat', 'raw', 'mangle'] as const)('see rules of table %s that are put where others were', (table) => {
  withNamespace((namespace) => {
    const put = (words: string, port: number) => {
      const rule = `${words} -p tcp -m tcp --dport ${port} -j ${table === 'nat' ? 'REDIRECT' : 'DROP'}`;
      namespace.exec('iptables-legacy', ['-t', table, ...rule.split(' ')]);
    };
    put('-A PREROUTING', 1);
    const guarded = new Guarded(namespace, 'ipv4');
    for (let port = 10; port < 30; port += 2) {
      guarded.keep();
      for (const other of [port, port + 1]) put('-R PREROUTING 1', other);
      expect([port, guarded.isSame()]).toEqual([port, false]);
    }
  });
});

it('do not mind changes of nftables behind the filter table', () => {
  withNamespace((namespace) => {
    const guarded = new Guarded(namespace, 'ipv4');
    const nft = (words: string) => namespace.exec('nft', words.split(' '));
    const changed = (words: string): boolean => {
      guarded.keep();
      nft(words);
      return !guarded.isSame();
    };
    nft('add table ip one');
    nft('add chain ip one behind { type filter hook input priority 0 ; }');
    expect([guarded.surroundings().foreign!.seesNftables, changed('add rule ip one behind counter')]).toEqual([
      false,
      false,
    ]);
    nft('add chain ip one front { type filter hook input priority -9 ; }');
    expect([guarded.surroundings().foreign!.seesNftables, changed('add rule ip one behind counter')]).toEqual([
      true,
      true,
    ]);
  });
});

it('do not hold beside rules of NAT that are too many to look at', () => {
  withNamespace((namespace) => {
    const rules = (count: number): string =>
      Array.from({ length: count }, (_, i) => `-A PREROUTING -p tcp --dport ${i + 1} -j REDIRECT`).join('\n');
    const guarded = new Guarded(namespace, 'ipv4');
    for (const [count, holds] of [
      [1, true],
      [10, true],
      [60, false],
      [2, true],
    ] as const) {
      namespace.exec('iptables-legacy-restore', [], `*nat\n${rules(count)}\nCOMMIT\n`);
      guarded.keep();
      expect([count, guarded.isSame()]).toEqual([count, holds]);
      expect(guarded.surroundings().foreign!.tableBytes.nat <= MOST_RULE_BYTES).toBe(holds);
    }
  });
});

it('tells who hooks, in the order of packets', () => {
  withNamespace((namespace) => {
    namespace.exec('iptables-legacy', ['-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '-j', 'ACCEPT']);
    namespace.exec('iptables-legacy', ['-A', 'INPUT', '-m', 'state', '--state', 'NEW']);
    namespace.exec('nft', ['add', 'table', 'ip', 'one']);
    namespace.exec('nft', 'add chain ip one ahead { type filter hook forward priority 5 ; }'.split(' '));
    const symbols = new Map(
      readFileSync('/proc/kallsyms', 'utf8')
        .split('\n')
        .map((line) => line.split(/\s/))
        .map(([address, , name]) => [BigInt(`0x${address || 0}`), name]),
    );
    const { hooks, foreign, words } = new Guarded(namespace, 'ipv4').surroundings();
    const named = (hook: keyof typeof hooks) =>
      hooks[hook]!.map(({ address, priority, kind }) => `${symbols.get(address)} ${priority} ${kind}`);
    expect(named('PREROUTING')).toEqual([
      'ipv4_conntrack_defrag -400 0',
      'ipv4_conntrack_in -200 0',
      'nf_nat_ipv4_pre_routing -100 0',
    ]);
    expect(named('FORWARD')).toEqual(['ipt_do_table 0 0', 'nft_do_chain_ipv4 5 1']);
    expect(named('INPUT').slice(0, 2)).toEqual(['ipt_do_table 0 0', 'nf_nat_ipv4_local_in 100 0']);
    expect(foreign!.nat!.map(({ address }) => symbols.get(address))).toEqual(['ipt_do_table']);
    expect(words.length).toBe(WORDS.size);
  });
});
