// `bpfilter explain FILE`: how packets find their rules, and rules that none meets; as text and as data for --json.

import type { Explanation, HookExplanation, PassEffect, UnmetRule } from '../engine/explain.ts';
import type { ExplainOutput } from './schemas.ts';

export function explanationData({ hooks, tableBytes, unmet, passes }: Explanation): ExplainOutput {
  return {
    ok: true,
    hooks: hooks.map(({ hook, rules, segments, tests }) => ({
      hook,
      rules,
      ...(tests !== undefined && { tests }),
      segments: segments.map(({ segment, finish, decisions, loads, bytes, detail, lookups, tables, refused }) => ({
        ...{ segment, finish, decisions, loads, bytes },
        ...(detail !== undefined && { detail }),
        lookups: lookups.map((lookup) => ({ ...lookup })),
        tables: tables.map(({ name, offset, width, length }) => ({ name, offset, bytes: width * length })),
        refused: refused.map((each) => ({ ...each })),
      })),
    })),
    tableBytes,
    unmet: unmet.map((each) => ({ ...each })),
    passes: passes.map(({ rules, ...pass }) => ({ ...pass, rules: rules.map((each) => ({ ...each })) })),
  };
}

export function describeExplanation({ hooks, tableBytes, unmet, passes }: Explanation): string {
  const lines = [
    ...hooks.flatMap(describeHook),
    `tables: ${tableBytes} bytes`,
    ...describeUnmet(unmet),
    ...describePasses(passes),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function describeHook({ hook, rules, segments, tests }: HookExplanation): string[] {
  const head = `${hook}: ${count(rules, 'rule')}`;
  if (tests !== undefined) return [`${head}, asked one after the other with ${count(tests, 'test')}`];
  return [head, ...segments.flatMap(describeSegment)];
}

function describeSegment(segment: HookExplanation['segments'][number]): string[] {
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
