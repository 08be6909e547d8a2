// Netfilter programs that read connections, in the virtual machine: each field alone, and all together.

import { expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import type { HookPacket } from '../../../src/base/packet.ts';
import { UnsupportedError } from '../../../src/base/unsupported.ts';
import { runNetfilter } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { compileRuleset } from '../../../src/engine/compile.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildIpv6Packet } from '../../harness/ipv6-builder.ts';
import { disagreements } from '../../harness/oracle.ts';
import { buildPacket } from '../../harness/packet-builder.ts';
import { randomConnection } from '../../harness/random-connections.ts';
import { mapValue, vmRunner } from '../../harness/vm-runner.ts';

const RULES = [
  '-m state --state ESTABLISHED',
  '-m state --state UNTRACKED',
  '-m conntrack --ctstate INVALID',
  '-m conntrack --ctstate NEW,SNAT --ctdir REPLY',
  '-m conntrack --ctstatus ASSURED,EXPECTED',
  '-m conntrack --ctproto 6',
  '-m conntrack --ctorigsrc 10.0.0.0/24',
  '-m conntrack --ctorigdst 11.0.0.0/8',
  '-m conntrack --ctreplsrc 0.0.0.0',
  '-m conntrack --ctrepldst 255.255.255.255',
  '-m conntrack --ctorigsrcport 0:22',
  '-m conntrack --ctorigdstport 53',
  '-m conntrack --ctreplsrcport 80:2048',
  '-m conntrack --ctrepldstport 65535',
  '-m conntrack --ctexpire 0',
  '-m conntrack --ctexpire 30:120',
];

const RULES_6 = [
  '-m state --state RELATED',
  '-m conntrack --ctorigsrc fd00::/64',
  '-m conntrack --ctorigdst 2001:db8::1',
  '-m conntrack ! --ctreplsrc 2001:db8::/33',
  '-m conntrack --ctrepldst ::',
  '-m conntrack --ctproto 58 --ctorigsrc fd00::1 --ctorigdst 2001:db8::/32 --ctreplsrc ::/1 ! --ctrepldst ::/127',
];

const bytes = buildPacket({ source: 1, destination: 2, transport: { kind: 'udp', sport: 3, dport: 4 } });

function text(rules: readonly string[]): string {
  const lines = rules.map((rule) => `-A INPUT ${rule}\n`).join('');
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines}COMMIT\n`;
}

/** Its headers are walked, which uses the stack where addresses come to lie. */
const bytes6 = buildIpv6Packet({
  ...{ source: 1n, destination: 2n, transport: { kind: 'udp', sport: 3, dport: 4 } },
  headers: [{ kind: 'dst', units: 1 }],
});

function packets(count: number, family: Family = 'ipv4'): HookPacket[] {
  const choice = seededChoice(3, 0);
  return Array.from({ length: count }, () => {
    const head = { family, hook: 'INPUT', inDevice: 'eth0', outDevice: '' } as const;
    const packet = { ...head, bytes: family === 'ipv4' ? bytes : bytes6 };
    const connection = randomConnection(choice, family);
    return connection === undefined ? packet : { ...packet, connection };
  });
}

it.each([...RULES.map((rule) => [rule]), RULES])('%s is seen', (...rules) => {
  const options = { family: 'ipv4', placement: 'netfilter', runners: [vmRunner()] } as const;
  expect(disagreements(text(rules), packets(200), options)).toEqual([]);
});

it.each([...RULES_6.map((rule) => [rule]), RULES_6, [...RULES_6, '-p udp -m udp --dport 4']])(
  '%s is seen of IPv6',
  (...rules) => {
    const options = { family: 'ipv6', placement: 'netfilter', runners: [vmRunner()] } as const;
    expect(disagreements(text(rules), packets(200, 'ipv6'), options)).toEqual([]);
  },
);

function compiled(features: typeof FEATURES) {
  const { ruleset } = parseRuleset(text([RULES[0]!]), { file: 'test' });
  const facts = { localDestinations: [] };
  const result = compileRuleset(ruleset, { placement: 'netfilter', allowInexact: [], features, facts, file: 'test' });
  if (!result.ok) throw new Error('not compiled');
  return result.image;
}

it('needs a kernel whose types tell where connections are', () => {
  const { connection: _, ...features } = FEATURES;
  expect(() => compiled(features)).toThrow(UnsupportedError);
});

it('says so in the manifest, and reads nothing where nothing asks', () => {
  const image = compiled(FEATURES);
  expect(image.manifest.connections).toBe(true);
  const maps = new Map(image.maps.map((each) => [each.name, mapValue(each)]));
  const forward = image.programs.find(({ point }) => point === 'FORWARD')!.program;
  // An entry of no bytes: reading it would be an error.
  const connection = { info: 0, entry: new Uint8Array(0) };
  expect(runNetfilter(prepare(forward), { features: FEATURES, maps, packet: bytes, connection })).toBe(1);
});
