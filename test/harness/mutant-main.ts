// Runs the compiler's oracles until one objects: bundled with one seeded fault by the mutation test.
//
// Exit status 0: no objection; 3: a disagreement, or a program that the kernel refuses; else: something else broke.

import fc from 'fast-check';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import { VerifierError } from '../../src/kernel/errors.ts';
import { ORACLE_PLACEMENTS, ORACLE_SETTINGS } from './compiler-scenarios.ts';
import { rulesetText, scenarios } from './generate.ts';
import { kernelRunner } from './kernel-runner.ts';
import { fieldsFor, LARGE_KINDS, largeList } from './large-lists.ts';
import { IPV4_FIELDS } from './list-conditions.ts';
import {
  classificationDisagreements,
  fieldDisagreements,
  isProgrammable,
  programDisagreements,
} from './list-oracle.ts';
import { disagreements } from './oracle.ts';
import { type ListScenario, listScenarios } from './random-lists.ts';
import { MANNERED } from './random-rules.ts';
import { vmRunner } from './vm-runner.ts';

const FINISHES: readonly FinishName[] = ['dense', 'tuples', 'masks', 'linear'];

const [oracle, ...numbers] = process.argv.slice(2);
const [seed, rulesets, packets] = numbers.map(Number) as [number, number, number];
const vm = vmRunner();
const kernel = kernelRunner();
const placements = ORACLE_PLACEMENTS.map(({ options, inKernel, name: _, ...about }) => ({
  options: { ...about, runners: inKernel ? [vm, kernel] : [vm] },
  plain: scenarios({ ...options, packets }),
  mannered: scenarios({ ...options, vocabulary: { ...options.vocabulary!, ...MANNERED }, packets }),
}));
const lists = listScenarios({ packets });
const programmable = listScenarios({ packets, fields: IPV4_FIELDS });

/** A packet that returned meets a condition that has ended the way of others: random rules seldom ask the same again. */
const RETURNING = `*filter
:web -
-A INPUT -j web
-A INPUT -p tcp -j ACCEPT
-A web -s 10.0.0.0/8 -j RETURN
-A web -p tcp -j DROP
COMMIT
`;

if (oracle === 'flows') compareFlows();
else compareCompiler();

function compareCompiler(): void {
  report(0, () => {
    const { options, plain } = placements[0]!;
    return disagreements(RETURNING, draw(plain, 0).packets, { ...options, finish: 'dense' })[0];
  });
  for (let index = 0; index < rulesets; index++) {
    for (const { options, plain, mannered } of placements) {
      const { name: _, ...setting } = [{ name: 'plain' }, ...ORACLE_SETTINGS][index % (1 + ORACLE_SETTINGS.length)]!;
      const scenario = draw(index % 2 === 0 ? plain : mannered, index);
      const text = rulesetText(scenario);
      report(index + 1, () => disagreements(text, scenario.packets, { ...options, ...setting })[0]);
    }
    report(index + 1, () => listObjection(draw(lists, index)));
    report(index + 1, () => listObjection(draw(programmable, index)));
  }
}

function compareFlows(): void {
  report(0, () => flowObjection(manyFlows()));
  // Lists that ask for both halves of an address of IPv6 are few.
  for (let index = 0; index < 2 * rulesets; index++) report(index + 1, () => flowObjection(draw(lists, index)));
}

/** Made when it is needed: most faults are seen by the first few. */
function draw<T>(arbitrary: fc.Arbitrary<T>, index: number): T {
  return fc.sample(arbitrary, { seed: seed + index, numRuns: 1 })[0]!;
}

/** So many flows that some have the place of others, and differ from them in one word of the key. */
function manyFlows(): ListScenario {
  const segments = [largeList(LARGE_KINDS.find(({ name }) => name === 'half alike')!, 400)];
  return { segments, packets: fieldsFor(segments, 3000) };
}

/** With flow caches, of packets that all come again. */
function flowObjection({ segments, packets: values }: ListScenario): string | undefined {
  const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'tuples' });
  return fieldDisagreements(segments, classification, [...values, ...values, ...values], vm, 'on')[0];
}

function listObjection({ segments, packets: values }: ListScenario): string | undefined {
  for (const force of FINISHES) {
    const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force });
    const objection =
      classificationDisagreements(segments, classification, values)[0] ??
      (isProgrammable(classification) ? programDisagreements(segments, classification, values, vm)[0] : undefined);
    if (objection !== undefined) return `${force}: ${objection}`;
  }
  return undefined;
}

function report(count: number, ask: () => string | undefined): void {
  const objection = object(ask);
  if (objection === undefined) return;
  console.log(`after ${count} rulesets: ${objection}`);
  process.exit(3);
}

/** A broken invariant that something notices is an objection, too. */
function object(ask: () => string | undefined): string | undefined {
  try {
    return ask();
  } catch (error) {
    const isNoticed = error instanceof Error && /^(vm|pass|table|codegen|slot \d+|segment \d+)\b/.test(error.message);
    if (error instanceof VerifierError || isNoticed) return error.message;
    throw error;
  }
}
