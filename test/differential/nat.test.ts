// Random rulesets on two routers with the same NAT in front: the kernel's iptables-legacy enforces one, we the other. Both
// carry the same conversations, whose packets must leave both as the same packets, and must count the same.
//
// BPFILTER_RUNS sets how many rulesets each NAT and placement gets (5), BPFILTER_SEED the seed (fixed in CI; `random` for a
// new one). A failure is not shrunk: it may depend on the conversations before it.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededChoice } from '../fuzz/seeded.ts';
import { type Beside, withBoth } from '../harness/beside.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import type { Namespace } from '../harness/namespace.ts';
import { addNat, Conversation, NAT_KINDS, NAT_WORLD } from '../harness/nat-world.ts';
import type { Choice } from '../harness/random.ts';
import { natFilter, randomFirstPackets, randomNat, randomNft } from '../harness/random-nat.ts';
import { MANNERED } from '../harness/random-rules.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 5);
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 22);

const VOCABULARY = { ...NAT_WORLD.vocabulary, ...MANNERED, manners: ['mixed', 'services', 'counting'] as const };
const AT_A_TIME = 40;
const FIRST_PORT = 1024;
const PORTS = 60_000;

/** Carries conversations, some at a time, line by line; a port is not used again soon. */
class Traffic {
  private readonly both: Beside;
  private port = 0;
  /** Packets that NAT has changed. */
  translated = 0;

  private readonly spoils: boolean;

  /** Early verdicts do not look at checksums, so none is spoiled beside them. */
  constructor(both: Beside, spoils: boolean) {
    this.both = both;
    this.spoils = spoils;
  }

  carry(choice: Choice, what: string): void {
    const open = Array.from(
      { length: AT_A_TIME },
      (_, i) => new Conversation(choice, i + 1, this.nextPort(), this.spoils),
    );
    for (;;) {
      const packets = open.flatMap((each) => each.next() ?? []);
      if (packets.length === 0) return;
      const left = this.both.exchange(packets, what);
      for (const each of open) for (const packet of left) each.see(packet);
      const sent = new Set(packets.map(({ bytes }) => endsOf(bytes)));
      this.translated += left.filter(({ bytes }) => !sent.has(endsOf(bytes))).length;
    }
  }

  private nextPort(): number {
    this.port = (this.port + 1) % PORTS;
    return FIRST_PORT + this.port;
  }
}

/** Protocol, addresses and ports. */
function endsOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex', 9, 10) + Buffer.from(bytes).toString('hex', 12, 24);
}

const EACH_STATUS = ['SNAT', 'DNAT', 'ESTABLISHED', 'RELATED', 'NEW', 'INVALID'].map((state) => `--ctstate ${state}`);
const EACH = [
  ...EACH_STATUS,
  '--ctorigdst 10.0.0.1 --ctorigdstport 8080',
  '--ctorigdst 10.0.0.2',
  '--ctreplsrc 10.192.0.1',
  '--ctrepldst 10.0.0.1',
  '--ctrepldst 11.99.0.1',
  '--ctorigdstport 443 --ctreplsrcport 22',
  '--ctdir REPLY --ctstate DNAT',
  '--ctdir ORIGINAL --ctstate SNAT',
].map((words) => `-m conntrack ${words}`);

/** What is counted and let through, on all chains. */
const COUNTING = [
  '*filter',
  ...['INPUT', 'FORWARD', 'OUTPUT'].flatMap((chain) => [
    `:${chain} ACCEPT [0:0]`,
    ...EACH.map((rule) => `-A ${chain} ${rule}`),
  ]),
  'COMMIT',
  '',
].join('\n');

it.each([['iptables-legacy', 'netfilter'] as const, ...NAT_KINDS.map((kind) => [kind, 'exact'] as const)])(
  'counts what iptables-legacy counts behind NAT of %s, placement %s',
  (kind, placement) =>
    withBoth(
      NAT_WORLD,
      'generic',
      (both) => {
        both.each((router) => addNat(router, kind));
        const traffic = new Traffic(both, placement === 'netfilter');
        both.load(COUNTING);
        for (let i = 0; i < 3; i++) traffic.carry(seededChoice(7, i), 'counting');
        expect(traffic.translated).toBeGreaterThan(100);
        const { oracle } = both.counters();
        const met = EACH.map((rule, i) => [
          rule,
          [...oracle.values()].some(({ rules }) => rules[i] !== undefined && rules[i]!.packets > 0n),
        ]);
        expect(met.filter(([, isMet]) => !isMet)).toEqual([]);
        let early = 0;
        const drawn = fc.tuple(scenarios({ vocabulary: VOCABULARY, packets: 40, settle: NAT_WORLD.settle }), fc.nat());
        fc.assert(
          fc.property(drawn, ([scenario, number]) => {
            const text = rulesetText(scenario);
            both.load(text);
            traffic.carry(seededChoice(seed, number), text);
            // Two of one port behind one address: NAT gives one of them another, by chance.
            both.pass(scenario.packets, text);
            early += both.earlyDrops;
          }),
          { numRuns: RUNS, seed, endOnFailure: true },
        );
        expect(early > 0).toBe(placement === 'exact');
      },
      placement,
    ),
);

const NO_NAT = '*nat\nCOMMIT\n';
const RESTORE = ['iptables-legacy-restore -w', 'iptables-nft-restore -w', 'nft -f -'];

it.each([
  ...RESTORE.map((command) => ['ipv4', command, NAT_WORLD] as const),
  ...RESTORE.map((command) => ['ipv6', command.replace('iptables', 'ip6tables'), PLAIN_WORLD6] as const),
])(
  'drops nothing early that random rules for %s of %s change, and nothing before it has looked at them',
  (family, command, world) =>
    withBoth(world, 'generic', (both) => {
      const [name, ...words] = command.split(' ');
      const make = name === 'nft' ? randomNft : randomNat;
      // Connections are tracked from here on.
      both.each((router) => router.exec(name!, words, make(seededChoice(seed, 0), family)));
      both.load(natFilter(family));
      let [early, translated] = [0, 0n];
      for (let i = 0; i < 2 * RUNS; i++) {
        const choice = seededChoice(seed, i);
        const nat = make(choice, family);
        both.each((router) => router.exec(name!, words, nat));
        expect([nat, both.pass(randomFirstPackets(choice, 20, family), nat)]).toEqual([nat, 0]);
        both.sync();
        early += both.pass(randomFirstPackets(choice, 150, family), nat);
      }
      const { oracle } = both.counters();
      for (const { rules } of oracle.values()) for (const { packets } of rules) translated += packets;
      expect(early).toBeGreaterThan(RUNS * 20);
      expect(translated).toBeGreaterThan(BigInt(RUNS * 20));
    }),
);

it.each([
  ['ipv4', 'iptables-legacy', NAT_WORLD],
  ['ipv6', 'ip6tables-nft', PLAIN_WORLD6],
] as const)('drops nothing early in strict that random rules for %s of %s count', (family, command, world) =>
  withBoth(
    world,
    'generic',
    (both) => {
      const nat = (router: Namespace) => router.exec(`${command}-save`, ['-t', 'nat', '-c']).replaceAll(/^#.*\n/gm, '');
      const [oracle, ours] = both.labs;
      both.each((router) => router.exec(`${command}-restore`, ['-w'], randomNat(seededChoice(seed, 0), family)));
      both.load(natFilter(family));
      let early = 0;
      for (let i = 0; i < 2 * RUNS; i++) {
        const choice = seededChoice(seed, i);
        const rules = choice.chance(0.3) ? NO_NAT : randomNat(choice, family);
        both.each((router) => router.exec(`${command}-restore`, ['-w'], rules));
        if (choice.chance(0.8)) both.sync();
        early += both.pass(randomFirstPackets(choice, 50, family), rules);
        expect(nat(ours.router)).toBe(nat(oracle.router));
      }
      // Chains of iptables-legacy count by their policies, too.
      expect(early > 0).toBe(command !== 'iptables-legacy');
    },
    'exact',
    'strict',
  ),
);
