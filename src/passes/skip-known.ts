// Leads edges past tests whose answer is known there from tests further up: behind `-p tcp --dport 22` the next rule's
// `-p tcp`, fragment and header length need no asking, and where the packet is not TCP no later rule for TCP does.
//
// Goes from the roots down and carries what is known of each field along every edge: for sets the values that are still
// possible, otherwise the last answer. An edge is led on while the test it leads to is decided; where edges meet, only
// what all of them know is kept. No node is made, so the graph does not grow, and counters are where they were: only
// tests are passed by. Facts pass through counts and calls, as nothing changes a packet on its way.
//
// What is known of a field is kept to SET_LIMIT intervals (a larger set of possible values is never wrong), and an edge
// is led past at most SKIP_LIMIT tests, so that the pass is linear.

import { complement, type IntervalSet, intersect, union } from '../base/intervals.ts';
import { FIELD_MAXIMUM, type Field, type Predicate, WIDE_FIELDS } from '../base/predicate.ts';
import { rewrite } from '../graph/builder.ts';
import type { Graph, NodeId } from '../graph/graph.ts';
import { implied } from './implied.ts';
import type { Pass } from './pass.ts';
import { makeTest } from './test-node.ts';

const SET_LIMIT = 4;
const SKIP_LIMIT = 64;

/** An answered question; one about a set is put as the values still possible, and its answer is true. */
interface Fact {
  readonly predicate: Predicate;
  readonly answer: boolean;
}

/** What is known at a place, at most one fact a field, by the field's place in `FIELDS`. */
type Facts = readonly (Fact | undefined)[];

const FIELDS: readonly Field[] = [...(Object.keys(FIELD_MAXIMUM) as Field[]), ...WIDE_FIELDS, 'inDevice', 'outDevice'];
const PLACE = Object.fromEntries(FIELDS.map((field, place) => [field, place])) as Readonly<Record<Field, number>>;
const NOTHING: Facts = FIELDS.map(() => undefined);

function answerOf(facts: Facts, predicate: Predicate): boolean | undefined {
  const fact = facts[PLACE[predicate.field]];
  return fact === undefined ? undefined : implied(predicate, fact.predicate, fact.answer);
}

/** The facts once `predicate` has been answered. */
function learn(facts: Facts, predicate: Predicate, answer: boolean): Facts {
  const known = facts[PLACE[predicate.field]];
  if (predicate.kind === 'in') {
    const maximum = FIELD_MAXIMUM[predicate.field];
    const said = answer ? predicate.set : complement(predicate.set, maximum);
    const set = known?.predicate.kind === 'in' ? intersect(known.predicate.set, said) : said;
    return set.length > SET_LIMIT ? facts : withFact(facts, { predicate: { ...predicate, set }, answer: true });
  }
  // One fact a field: what a name or flags are says more than what they are not.
  if (known !== undefined && (known.predicate.kind === 'in' || (known.answer && !answer))) return facts;
  return withFact(facts, { predicate, answer });
}

function withFact(facts: Facts, fact: Fact): Facts {
  const result = facts.slice();
  result[PLACE[fact.predicate.field]] = fact;
  return result;
}

/** What both know. */
function common(a: Facts, b: Facts): Facts {
  return a === b ? a : a.map((fact, place) => commonFact(fact, b[place]));
}

function commonFact(a: Fact | undefined, b: Fact | undefined): Fact | undefined {
  if (a === undefined || b === undefined || a === b) return a === b ? a : undefined;
  if (a.predicate.kind !== 'in' || b.predicate.kind !== 'in') {
    return a.predicate === b.predicate && a.answer === b.answer ? a : undefined;
  }
  const set: IntervalSet = union(a.predicate.set, b.predicate.set);
  return set.length > SET_LIMIT ? undefined : { predicate: { ...a.predicate, set }, answer: true };
}

/** Where the edges of each node lead in the end: both to the same where its answer is known, or it has one edge only. */
interface Ways {
  readonly yes: Int32Array;
  readonly no: Int32Array;
}

function findWays(graph: Graph): Ways {
  const ways: Ways = { yes: new Int32Array(graph.nodes.length), no: new Int32Array(graph.nodes.length) };
  const facts: (Facts | undefined)[] = new Array(graph.nodes.length).fill(undefined);
  for (const start of [...Object.values(graph.roots), ...graph.chains.values()]) facts[start] = NOTHING;

  /** Leads an edge on, and leaves at its end what is known there. */
  const lead = (start: NodeId, known: Facts): NodeId => {
    let id = start;
    for (let steps = 0; steps < SKIP_LIMIT; steps++) {
      const node = graph.nodes[id]!;
      const answer = node.kind === 'match' ? answerOf(known, node.predicate) : undefined;
      if (node.kind !== 'match' || answer === undefined) break;
      id = answer ? node.yes : node.no;
    }
    const there = facts[id];
    facts[id] = there === undefined ? known : common(there, known);
    return id;
  };

  // Parents have larger numbers than their children: all edges into a node are known when it is looked at. A node that
  // no edge leads to any more is left as it is.
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    const node = graph.nodes[id]!;
    const known = facts[id];
    facts[id] = undefined;
    if (node.kind === 'count' || node.kind === 'call') {
      ways.yes[id] = known === undefined ? node.next : lead(node.next, known);
    } else if (node.kind === 'match') {
      const answer = known === undefined ? undefined : answerOf(known, node.predicate);
      if (known === undefined) {
        ways.yes[id] = node.yes;
        ways.no[id] = node.no;
      } else if (answer === undefined) {
        ways.yes[id] = lead(node.yes, learn(known, node.predicate, true));
        ways.no[id] = lead(node.no, learn(known, node.predicate, false));
      } else {
        ways.yes[id] = lead(answer ? node.yes : node.no, known);
        ways.no[id] = ways.yes[id]!;
      }
    }
  }
  return ways;
}

export const skipKnown: Pass = {
  name: 'skip-known',
  about: 'Leads edges past tests whose answer is known from tests further up.',
  run(graph: Graph): Graph {
    const { yes, no } = findWays(graph);
    return rewrite(graph, (node, builder, mapped, id) =>
      node.kind === 'match'
        ? makeTest(builder, node.predicate, mapped(yes[id]!), mapped(no[id]!), node.owner)
        : builder.copy(node, () => mapped(yes[id]!)),
    );
  },
};
