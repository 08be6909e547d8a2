// Random rulesets enforced by the kernel's iptables-legacy on one router and by us on another: the same packets to both,
// the same counters from both, and as many packets let through.
//
// BPFILTER_RUNS sets how many rulesets each test gets, BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A
// failure is shrunk and printed as a case file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import type { FamilyStatus } from '../../src/engine/types.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { ORACLE_SETTINGS } from '../harness/compiler-scenarios.ts';
import { rulesetText, type ScenarioOptions, scenarios } from '../harness/generate.ts';
import { legacyIp6tables, legacyIptables } from '../harness/iptables.ts';
import { type Subject, withLab } from '../harness/lab.ts';
import { LAB, piecesOf, settle, WORLD, type World } from '../harness/lab-world.ts';
import { WORLD6 } from '../harness/lab-world-ipv6.ts';
import { PLAIN_WORLD, PLAIN_WORLD6, STRICT_WORLD } from '../harness/lab-world-plain.ts';
import { failureCase } from '../harness/oracle.ts';
import { fixHeaderChecksum } from '../harness/packet-builder.ts';
import { parsePacket } from '../harness/packet-notation.ts';
import { MANNERED, type Vocabulary } from '../harness/random-rules.ts';
import { runsOf, seedOf } from '../harness/scale.ts';
import { servicePacket, serviceRules } from '../harness/service-rules.ts';
import { differences, flatten } from '../harness/table-counters.ts';

const PACKETS = 200;
const SERVICES = 60;
const seed = seedOf(20);

/** Every finish forced in turn. */
const FORCED = ORACLE_SETTINGS.filter(({ finish }) => finish !== undefined);

/** What XDP sees as netfilter does: no loopback, no `-o`, and whole packets, for XDP cannot put fragments together. */
const LAB_XDP: Vocabulary = {
  ...LAB,
  hooks: ['INPUT', 'FORWARD'],
  inDevices: LAB.inDevices.filter((name) => name !== 'lo'),
  outDeviceRules: false,
};

function settleWhole(packet: HookPacket): HookPacket {
  const settled = settle(packet);
  const bytes = settled.bytes.slice();
  // Only "don't fragment": no fragment itself, and not sent in fragments.
  bytes.set([0x40, 0], 6);
  fixHeaderChecksum(bytes);
  return { ...settled, bytes };
}

async function compare(
  subject: BpfilterSubject,
  runs: number,
  options: Omit<ScenarioOptions, 'packets'>,
  world: World = WORLD,
  observe: (status: FamilyStatus) => void = () => {},
) {
  const legacy = world.family === 'ipv6' ? legacyIp6tables : legacyIptables;
  await withLab(
    (oracle) =>
      withLab((ours) => {
        try {
          fc.assert(
            fc.property(scenarios({ ...options, packets: PACKETS }), (scenario) => {
              const text = rulesetText(scenario);
              const expected = oracle.runScenario(legacy, text, scenario.packets);
              const found = ours.runScenario(subject, text, scenario.packets);
              observe(subject.status(ours.router).families[world.family]);
              const wrong = differences(expected.counters, found.counters);
              if (expected.left !== found.left) wrong.push(`packets that leave: ${expected.left}, but ${found.left}`);
              if (wrong.length === 0) return;
              expect.fail(`${wrong.slice(0, 10).join('\n')}\n\n${failureCase(wrong[0]!, text, scenario.packets)}`);
            }),
            { numRuns: runs, seed },
          );
          subject.unload(ours.router);
        } finally {
          subject.close();
        }
      }, world),
    world,
  );
}

it('at netfilter', () => compare(new BpfilterSubject('netfilter'), runsOf(400), { vocabulary: LAB, settle }));

const { settle: settle6, vocabulary: vocabulary6 } = WORLD6;

it('at netfilter, IPv6', () =>
  compare(
    new BpfilterSubject('netfilter', 'auto', {}, 'ipv6'),
    runsOf(80),
    { vocabulary: vocabulary6, settle: settle6 },
    WORLD6,
  ));

// Every finish forced and every budget too small, on rulesets of every manner.
it.each(ORACLE_SETTINGS)('at netfilter, $name', ({ name: _, ...tuning }) =>
  compare(new BpfilterSubject('netfilter', 'auto', tuning), runsOf(8), {
    vocabulary: { ...LAB, ...MANNERED },
    settle,
  }),
);

// Budgets too small come to nothing else elsewhere: `compiler.test.ts` has them at every placement.
it.each(FORCED)('at netfilter, IPv6, $name', ({ name: _, ...tuning }) =>
  compare(
    new BpfilterSubject('netfilter', 'auto', tuning, 'ipv6'),
    runsOf(4),
    { vocabulary: { ...vocabulary6, ...MANNERED }, settle: settle6 },
    WORLD6,
  ),
);

it.each(FORCED)('at XDP, $name', ({ name: _, ...tuning }) =>
  compare(new BpfilterSubject('xdp', 'native', tuning), runsOf(4), {
    vocabulary: { ...LAB_XDP, ...MANNERED },
    settle: settleWhole,
  }),
);

it.each([{ name: 'chosen' }, { name: 'forced: walk', finish: 'walk' as const }])(
  'services, each with chains of its own: $name',
  ({ name: _, ...tuning }) =>
    withLab((oracle) =>
      withLab((ours) => {
        const subject = new BpfilterSubject('netfilter', 'auto', tuning);
        try {
          const choice = seededChoice(seed, SERVICES);
          const packets = Array.from({ length: PACKETS }, () =>
            settle({ ...servicePacket(choice, SERVICES), inDevice: 'eth0' }),
          );
          const expected = oracle.runScenario(legacyIptables, serviceRules(SERVICES), packets);
          const found = ours.runScenario(subject, serviceRules(SERVICES), packets);
          expect(differences(expected.counters, found.counters)).toEqual([]);
          expect(found.left).toBe(expected.left);
          expect(found.left).toBeGreaterThan(PACKETS / 4);
          subject.unload(ours.router);
        } finally {
          subject.close();
        }
      }),
    ),
);

it.each(['native', 'generic'] as const)('at XDP, %s', (mode) =>
  compare(new BpfilterSubject('xdp', mode), runsOf(80), { vocabulary: LAB_XDP, settle: settleWhole }),
);

it.each([
  ['native', 'fast', 'ipv4', PLAIN_WORLD, 24],
  ['generic', 'strict', 'ipv4', STRICT_WORLD, 24],
  ['native', 'strict', 'ipv6', PLAIN_WORLD6, 12],
  ['generic', 'fast', 'ipv6', PLAIN_WORLD6, 12],
] as const)('at placement exact, %s XDP, %s, %s', async (mode, early, _, world, usual) => {
  const runs = runsOf(usual);
  let drops = 0;
  const observe = (status: FamilyStatus) => {
    drops += Number(status.early?.dropped ?? 0);
    expect(status.dropped).toEqual({ emptySlot: '0', undecided: '0' });
  };
  const options = { vocabulary: { ...world.vocabulary, ...MANNERED }, settle: world.settle };
  await compare(new BpfilterSubject('exact', mode, {}, world.family, early), runs, options, world, observe);
  expect(drops).toBeGreaterThan(5 * runs);
});

/** Early verdicts ask few rules one by one, and of chains that are walked through, netfilter judges those that count. */
const FEW = { rules: { min: 2, max: 16 }, userChains: { min: 0, max: 2 } };

// The lists of early verdicts and those of netfilter's programs: both get the finish.
it.each(
  FORCED.flatMap(({ finish }, i) => {
    const [one, other] = i % 2 === 0 ? (['native', 'generic'] as const) : (['generic', 'native'] as const);
    return [[one, 'ipv4', finish!, PLAIN_WORLD, 4] as const, [other, 'ipv6', finish!, PLAIN_WORLD6, 3] as const];
  }),
)('at placement exact, %s XDP, %s, forced: %s', async (mode, _, finish, world, usual) => {
  const runs = runsOf(usual);
  let drops = 0;
  const observe = (status: FamilyStatus) => {
    drops += Number(status.early?.dropped ?? 0);
    expect(status.dropped).toEqual({ emptySlot: '0', undecided: '0' });
  };
  const size = finish === 'linear' || finish === 'walk' ? FEW : {};
  const options = { vocabulary: { ...world.vocabulary, ...MANNERED, ...size }, settle: world.settle };
  const subject = new BpfilterSubject('exact', mode, { finish }, world.family);
  await compare(subject, runs, options, world, observe);
  // Linear lists have no tables.
  if (finish === 'linear') expect(subject.finishes).toEqual(new Set());
  // A ruleset or two may have nothing that is certain early, or no list that can have the finish.
  if (runs < usual) return;
  expect(drops).toBeGreaterThan(0);
  if (finish === 'linear') return;
  const programs = [...subject.finishes].flatMap((found) => (found.endsWith(` ${finish}`) ? found.split(' ')[0]! : []));
  expect(programs).toContain('r_early');
  expect(programs.some((program) => program !== 'r_early')).toBe(true);
});

/** The same for IPv6; its fragments come one by one, and are judged so. */
const LAB6_XDP: typeof vocabulary6 = {
  ...vocabulary6,
  hooks: ['INPUT', 'FORWARD'],
  inDevices: vocabulary6.inDevices.filter((name) => name !== 'lo'),
  outDeviceRules: false,
};

it('at XDP, IPv6', () =>
  compare(
    new BpfilterSubject('xdp', 'generic', {}, 'ipv6'),
    runsOf(20),
    { vocabulary: LAB6_XDP, settle: settle6 },
    WORLD6,
  ));

// A permitted difference: iptables' INPUT is shown the reassembled packet, XDP judges and counts the first fragment.
it.each([
  ['iptables-legacy', () => legacyIptables, 92n],
  ['bpfilter at netfilter', () => new BpfilterSubject('netfilter'), 92n],
  ['bpfilter at XDP', () => new BpfilterSubject('xdp', 'generic'), 28n],
] as const)('bytes of a packet that comes in fragments: %s', async (_, make, bytes) => {
  const subject: Subject & { close?(): void } = make();
  const packet = parsePacket('INPUT in=eth0 udp 11.0.0.1:1234 > 10.0.0.1:2000 payload=64 id=32');
  expect(piecesOf(packet).map((piece) => piece.length)).toEqual([28, ...new Array(8).fill(28)]);
  const rules =
    '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p udp --dport 2000\nCOMMIT\n';
  await withLab((lab) => {
    try {
      const { counters } = lab.runScenario(subject, rules, [packet]);
      const [place, counted] = flatten(counters)[0]!;
      expect([place, counted]).toEqual(['INPUT:1', { packets: 1n, bytes }]);
      subject.unload(lab.router);
    } finally {
      subject.close?.();
    }
  });
});
