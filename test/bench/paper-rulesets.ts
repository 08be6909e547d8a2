// The rulesets of the measurements in Miano, Bertrone, Risso, Vásquez Bernal, Lu and Pi, "Securing Linux with a Faster and
// Scalable Iptables", ACM SIGCOMM Computer Communication Review 49(3), 2019, after the description of its published tests
// (netgroup-polito/bpf-iptables-tests), made anew. Everything there is consecutive numbers, combined:
//
//   size        UDP 5-tuples accepted: sources × 5 destinations × 4 source ports × 5 destination ports
//   fields-N    1 000 rules of N fields: 1 000 sources; 40 × 25 sources and destinations; the same for UDP; with a source
//               port, 10 × 10 × 10; with both, 10 × 5 × 4 × 5
//   ddos        1 000 sources with a source port not let in, 20 × 50, of UDP, before what is; web traffic is accepted
//   enterprise  for each server: what it sends, and nine UDP services that it offers; all else is dropped
//
// Left out is what asks for the state of a connection: one rule before all others in `ddos` and `enterprise`.

import type { ClassifyRuleset } from './classify-rulesets.ts';
import { ANY_ADDRESS, ANY_PORT, type Prefix, type RuleShape } from './rule-shape.ts';

/** The first of each, 192.168.0.2 and 192.168.10.2. */
const SOURCES = 0xc0a80002;
const DESTINATIONS = 0xc0a80a02;
const SPORT = 10_100;
const DPORT = 8_080;

const PLAIN: RuleShape = {
  source: ANY_ADDRESS,
  destination: ANY_ADDRESS,
  sport: ANY_PORT,
  dport: ANY_PORT,
  verdict: 'ACCEPT',
};

const host = (value: number): Prefix => ({ value, length: 32 });
const port = (number: number): RuleShape['sport'] => ({ low: number, high: number });

/** Combinations of numbers below each limit, the last the fastest; the first has no limit. */
function* combinations(limits: readonly number[]): Generator<number[]> {
  for (let n = 0; ; n++) {
    let rest = n;
    const digits = limits.map(() => 0);
    for (let place = limits.length - 1; place >= 0; place--) {
      digits[place] = rest % limits[place]!;
      rest = Math.floor(rest / limits[place]!);
    }
    yield [rest, ...digits];
  }
}

function take(count: number, limits: readonly number[], rule: (digits: readonly number[]) => RuleShape): RuleShape[] {
  const rules: RuleShape[] = [];
  for (const digits of combinations(limits)) {
    if (rules.length === count) break;
    rules.push(rule(digits));
  }
  return rules;
}

function tuples(count: number): RuleShape[] {
  return take(count, [5, 4, 5], ([source, destination, sport, dport]) => ({
    ...PLAIN,
    source: host(SOURCES + source!),
    destination: host(DESTINATIONS + destination!),
    protocol: 'udp',
    sport: port(SPORT + sport!),
    dport: port(DPORT + dport!),
  }));
}

const FIELDS: readonly ((count: number) => RuleShape[])[] = [
  (count) => take(count, [], ([source]) => ({ ...PLAIN, source: host(SOURCES + source!) })),
  (count) => take(count, [25], pair),
  (count) => take(count, [25], (digits) => ({ ...pair(digits), protocol: 'udp' })),
  (count) =>
    take(count, [10, 10], ([source, destination, sport]) => ({
      ...pair([source!, destination!]),
      protocol: 'udp',
      sport: port(SPORT + sport!),
    })),
  tuples,
];

function pair([source, destination]: readonly number[]): RuleShape {
  return { ...PLAIN, source: host(SOURCES + source!), destination: host(DESTINATIONS + destination!) };
}

const FIELD_NAMES = ['sources', 'and destinations', 'and protocol', 'and source ports', 'and destination ports'];

function ddos(count: number): RuleShape[] {
  const banned = take(count - 1, [50], ([source, sport]) => ({
    ...PLAIN,
    source: host(SOURCES + source!),
    protocol: 'udp',
    sport: port(10_240 + sport!),
    verdict: 'DROP',
  }));
  return [...banned, { ...PLAIN, protocol: 'tcp', dport: port(80) }];
}

/** Rules of one server: one for what it sends, the others for its services. */
const OF_SERVER = 10;

function enterprise(count: number): RuleShape[] {
  const servers = Math.ceil(count / OF_SERVER);
  const sending = take(servers, [], ([server]) => ({ ...PLAIN, source: host(DESTINATIONS + server!) }));
  const services = take(count - servers, [OF_SERVER - 1], ([server, service]) => ({
    ...PLAIN,
    destination: host(DESTINATIONS + server!),
    protocol: 'udp',
    dport: port(DPORT + service!),
  }));
  return [...sending, ...services];
}

const TRAFFIC = ['uniform', 'no match'] as const;

export const PAPER_RULESETS: readonly ClassifyRuleset[] = [
  {
    name: 'paper-size',
    summary: 'of the bpf-iptables paper: combinations of few consecutive 5-tuples',
    sizes: [50, 1_000, 5_000],
    traffic: TRAFFIC,
    shape: (rules) => ({ chain: 'FORWARD', policy: 'DROP', rules: tuples(rules) }),
  },
  ...FIELDS.map(
    (make, index): ClassifyRuleset => ({
      name: `paper-fields-${index + 1}`,
      summary: `of the bpf-iptables paper: ${FIELD_NAMES.slice(0, index + 1).join(' ')}`,
      sizes: [1_000],
      traffic: TRAFFIC,
      shape: (rules) => ({ chain: 'FORWARD', policy: 'DROP', rules: make(rules) }),
    }),
  ),
  {
    name: 'paper-ddos',
    summary: 'of the bpf-iptables paper: sources and source ports not let in',
    sizes: [1_001],
    traffic: TRAFFIC,
    shape: (rules) => ({ chain: 'INPUT', policy: 'ACCEPT', rules: ddos(rules), host: DESTINATIONS }),
  },
  {
    name: 'paper-enterprise',
    summary: 'of the bpf-iptables paper: servers and their services',
    sizes: [50, 1_000, 5_000],
    traffic: TRAFFIC,
    shape: (rules) => ({ chain: 'FORWARD', policy: 'DROP', rules: enterprise(rules) }),
  },
];
