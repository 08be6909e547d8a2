// `bpfilter explain FILE`: how packets find their rules, rules that none meets, and rules that drop packets before
// netfilter; as text and as data for --json.

import type { ChosenDevices } from '../engine/devices.ts';
import type {
  EarlyExplanation,
  ExplainedRule,
  ExplainedSegment,
  Explanation,
  HookExplanation,
  PassEffect,
  UnmetRule,
} from '../engine/explain.ts';
import { LATE_REASONS, type LateReason } from '../engine/explain-early.ts';
import type { ExplainOutput } from './schemas.ts';

/** Devices that early verdicts would be given at, where they are asked. */
type Devices = Pick<ChosenDevices, 'chosen' | 'left'>;

const NO_DEVICES: Devices = { chosen: [], left: [] };

export function explanationData(
  { hooks, tableBytes, unmet, passes, early }: Explanation,
  devices: Devices = NO_DEVICES,
): ExplainOutput {
  return {
    ok: true,
    hooks: hooks.map(({ hook, at, rules, segments, tests }) => ({
      hook,
      at: [...at],
      rules,
      ...(tests !== undefined && { tests }),
      segments: segments.map(segmentData),
    })),
    tableBytes,
    unmet: unmet.map((each) => ({ ...each })),
    passes: passes.map(({ rules, ...pass }) => ({ ...pass, rules: rules.map((each) => ({ ...each })) })),
    ...(early && { early: earlyData(early, devices) }),
  };
}

function segmentData(explained: ExplainedSegment) {
  const { segment, finish, decisions, loads, bytes, detail, lookups, tables, refused } = explained;
  return {
    ...{ segment, finish, decisions, loads, bytes },
    ...(detail !== undefined && { detail }),
    lookups: lookups.map((lookup) => ({ ...lookup })),
    tables: tables.map(({ name, offset, width, length }) => ({ name, offset, bytes: width * length })),
    refused: refused.map((each) => ({ ...each })),
  };
}

function earlyData(
  { isHere, none, tracked, notes, segments, tableBytes, rules }: EarlyExplanation,
  { chosen, left }: Devices,
) {
  return {
    facts: isHere ? ('here' as const) : ('assumed' as const),
    ...(none !== undefined && { none }),
    tracked,
    notes: [...notes],
    segments: segments.map(segmentData),
    tableBytes,
    devices: [...chosen.map(({ device, mode, why }) => ({ name: device.name, mode, why })), ...left],
    rules: rules.map((each) => ({ ...each })),
  };
}

/** `everyRule` names all rules that are dropped early or are not; else there are the first of each kind. */
export function describeExplanation(
  { hooks, tableBytes, unmet, passes, early }: Explanation,
  everyRule = false,
  devices: Devices = NO_DEVICES,
): string {
  const lines = [
    ...hooks.flatMap(describeHook),
    `tables: ${tableBytes} bytes`,
    ...(early === undefined ? [] : describeEarly(early, everyRule, devices)),
    ...describeUnmet(unmet),
    ...describePasses(passes),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const AT = { xdp: 'XDP', netfilter: 'netfilter' } as const;

function describeHook({ hook, at, rules, segments, tests }: HookExplanation): string[] {
  const where = at.length === 0 ? 'not enforced' : `at ${at.map((each) => AT[each]).join(' and ')}`;
  const head = `${hook}, ${where}: ${count(rules, 'rule')}`;
  if (tests !== undefined) return [`${head}, asked one after the other with ${count(tests, 'test')}`];
  return [head, ...segments.flatMap(describeSegment)];
}

/** What becomes of rules that drop nothing early; they are the subject. */
const LATE: Readonly<Record<LateReason, string>> = {
  output: 'packets that this host sends, which XDP does not see',
  unmet: 'met by no packet',
  ground: 'in chains without early verdicts',
  size: 'the rules are too large',
  accept: 'accept: what is accepted is judged by netfilter',
  'out-device': 'ask for the device by which packets leave, which is known later',
  connection: 'ask of connections what XDP cannot know',
  'in-device': 'ask for a device of whose packets nothing is certain',
  address: 'ask for addresses of which nothing is certain',
  protocol: 'ask for a protocol whose connections XDP cannot look up',
  behind: 'behind a rule that leaves their packets undecided',
  open: 'their packets may be accepted yet',
};

const MOST_EXAMPLES = 3;

function describeEarly(
  { isHere, none, tracked, notes, segments, tableBytes, rules }: EarlyExplanation,
  everyRule: boolean,
  { chosen, left }: Devices,
): string[] {
  const facts = isHere ? 'in this network namespace' : 'for an assumed host (--here: for this network namespace)';
  const named = (some: readonly ExplainedRule[]): string[] => {
    const shown = everyRule ? some : some.slice(0, MOST_EXAMPLES);
    const more = some.length - shown.length;
    return [...shown.map((each) => `    ${describeRule(each)}`), ...(more === 0 ? [] : [`    and ${more} more`])];
  };
  const early = rules.filter(({ late }) => late === undefined);
  const lines = [
    `dropped at XDP, before netfilter, ${facts}: ${early.length} of ${count(rules.length, 'rule or policy', 'rules and policies')}`,
  ];
  if (none !== undefined) lines.push(`  none, because ${none}`);
  lines.push(...segments.flatMap(describeSegment));
  if (none === undefined) lines.push(`  tables: ${tableBytes} bytes`);
  if (none === undefined && tracked) lines.push('  packets that belong to a connection are left to netfilter');
  for (const note of notes) lines.push(`  ${note}`);
  for (const { device, mode, why } of chosen) lines.push(`  ${device.name}: ${mode} XDP, ${why}`);
  for (const { name, why } of left) lines.push(`  ${name}: nothing: ${why}`);
  if (early.length > 0) lines.push('  early:', ...named(early));
  const late = new Map(LATE_REASONS.map((reason) => [reason, [] as ExplainedRule[]]));
  for (const each of rules) if (each.late !== undefined) late.get(each.late)!.push(each);
  for (const [reason, some] of late)
    if (some.length > 0) lines.push(`  not early, ${some.length}: ${LATE[reason]}`, ...named(some));
  return lines;
}

function describeRule({ rule, line, by, asksState }: ExplainedRule): string {
  const behind = by === undefined ? '' : `: behind line ${by.line}, ${by.rule}`;
  return `line ${line}: ${rule}${behind}${asksState ? ': the connection state is looked up' : ''}`;
}

function describeSegment(segment: ExplainedSegment): string[] {
  const { segment: number, finish, decisions, loads, bytes, detail, lookups, refused } = segment;
  if (decisions === 0) return [`  segment ${number}: tests of the packet's shape`];
  const cost = finish === 'linear' ? '' : `, ${count(loads, 'load')} per packet, ${bytes} bytes`;
  return [
    `  segment ${number}: ${finish}, ${count(decisions, 'decision')}${cost}`,
    ...lookups.map(({ name, kind, conditions, classes, loads: each, bytes: size }) => {
      const of = `${count(conditions, 'condition')}, ${count(classes, 'class', 'classes')}`;
      return `    ${name}: ${kind}, ${of}, ${count(each, 'load')}, ${size} bytes`;
    }),
    ...(detail === undefined ? [] : [`    ${detail}`]),
    ...refused.map(({ finish: other, reason }) => `    not ${other}: ${reason}`),
  ];
}

const WHY: Readonly<Record<UnmetRule['kind'], string>> = {
  contradiction: 'what it asks contradicts itself',
  duplicate: 'it says again what is said in',
  shadowed: 'all that it asks for is taken by',
  unreachable: 'packets that it asks for do not come to it',
};

function describeUnmet(unmet: readonly UnmetRule[]): string[] {
  if (unmet.length === 0) return [];
  return [
    `${count(unmet.length, 'rule')} that no packet meets:`,
    ...unmet.map(({ kind, rule, line, by }) => {
      const other = by === undefined ? '' : ` line ${by.line}, ${by.rule}`;
      return `  line ${line}: ${rule}: ${WHY[kind]}${other}`;
    }),
  ];
}

function describePasses(passes: readonly PassEffect[]): string[] {
  if (passes.length === 0) return [];
  return [
    'passes, on hooks that are asked one test after the other:',
    ...passes.flatMap(({ pass, testsBefore, testsAfter, rules }) => [
      `  ${pass}: ${testsBefore} tests become ${testsAfter}`,
      ...rules.map((each) => `    ${each.testsBefore} to ${each.testsAfter} for ${each.rule}`),
    ]),
  ];
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
