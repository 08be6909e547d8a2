// Source and destination ports, as tcp and udp have them: options, print, and their meaning for the compiler.

import { interval } from '../base/intervals.ts';
import type { Clause } from '../base/predicate.ts';
import type { ListContext, OptionSpec, OptionUse, ValueType } from './extension.ts';
import type { PortRange } from './values/port.ts';

export interface PortData {
  readonly source?: PortRange;
  readonly destination?: PortRange;
}

/** How a protocol's match reads its ports, and what it says of an option that is given twice. */
export function portOptions(
  values: readonly ValueType<PortRange>[],
  repeated?: (option: string) => string,
): readonly OptionSpec[] {
  const messages = (option: string) => repeated && { messages: { repeated: repeated(option) } };
  const common = { values, negatable: true };
  return [
    {
      ...{ name: '--source-port', aliases: ['--sport'], ...common, about: 'source port or range' },
      ...messages('--source-port'),
    },
    {
      ...{ name: '--destination-port', aliases: ['--dport'], ...common, about: 'destination port or range' },
      ...messages('--destination-port'),
    },
  ];
}

export function buildPorts(options: readonly OptionUse[]): PortData {
  let source: PortRange | undefined;
  let destination: PortRange | undefined;
  for (const use of options) {
    if (use.name === '--source-port') source = asked(use);
    else if (use.name === '--destination-port') destination = asked(use);
  }
  // Spelled out, as below: large files have very many of these, and spreading takes its time.
  if (source === undefined) return destination === undefined ? {} : { destination };
  return destination === undefined ? { source } : { source, destination };
}

/** All ports are no condition, unless negated: then no packet matches. */
function asked(use: OptionUse): PortRange | undefined {
  const range = use.values[0] as PortRange;
  return range.low === 0 && range.high === 0xffff && !range.negated ? undefined : range;
}

export function printPorts(data: PortData): string[] {
  const words: string[] = [];
  printPort('--sport', data.source, words);
  printPort('--dport', data.destination, words);
  return words;
}

function printPort(option: string, port: PortRange | undefined, words: string[]): void {
  if (port === undefined) return;
  if (port.negated) words.push('!');
  words.push(option, port.low === port.high ? `${port.low}` : `${port.low}:${port.high}`);
}

/** `tcp spt:22 dpts:!1024:65535`, as -L shows it; the match's name alone where all ports will do. */
export function listPorts(data: PortData, protocol: string, { names, numeric }: ListContext): string {
  const show = (label: string, port: PortRange | undefined) => {
    if (port === undefined) return '';
    const [low, high] = [port.low, port.high].map(
      (p) => (numeric ? undefined : names.serviceName(p, protocol)) ?? `${p}`,
    );
    const range = port.low === port.high ? low : `${low}:${high}`;
    return ` ${label}${port.low === port.high ? '' : 's'}:${port.negated ? '!' : ''}${range}`;
  };
  return `${protocol}${show('spt', data.source)}${show('dpt', data.destination)}`;
}

export function portClauses(data: PortData): Clause[] {
  const clauses: Clause[] = [];
  portClause('sport', data.source, clauses);
  portClause('dport', data.destination, clauses);
  return clauses;
}

function portClause(field: 'sport' | 'dport', port: PortRange | undefined, clauses: Clause[]): void {
  if (port === undefined) return;
  // Of ends that are the wrong way round, which only udp takes, no port is between.
  const set = port.low <= port.high ? interval(port.low, port.high) : [];
  clauses.push({ kind: 'require', predicate: { kind: 'in', field, set }, negated: port.negated });
}
