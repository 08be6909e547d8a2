// `-j SET`: adds to, deletes from, or looks up in a set of ipset(8). Kernel: net/netfilter/xt_set.c, revision 3.

import { parseValue } from '../../../grammar/parse.ts';
import type { BuiltinChain } from '../../base/hooks.ts';
import {
  ExtensionError,
  type OptionSpec,
  type OptionUse,
  type TargetExtension,
  ValueError,
  type ValueType,
} from '../extension.ts';
import { directions, type Side, setName } from '../host/set-words.ts';
import { bareText } from '../quote.ts';
import { isGiven } from '../uses.ts';

/** A set and where each part of its elements is looked for. */
interface SetUse {
  readonly set: string;
  readonly sides: readonly Side[];
}

export interface SetTargetData {
  readonly add?: SetUse;
  readonly delete?: SetUse;
  readonly map?: SetUse;
  /** An element that is there already gets the new timeout. */
  readonly exist: boolean;
  /** Seconds; absent for the set's own. */
  readonly timeout?: number;
  /** What an element says of the packet, in the order of `MAPPINGS`. */
  readonly mappings: readonly string[];
}

const TIMEOUT_LIMIT = 0xfffffffe;

/** What can be taken from an element: the packet's mark, its priority, its queue. */
const MAPPINGS = ['map-mark', 'map-prio', 'map-queue'];

/** Where priority and queue still count. */
const LEAVING: readonly BuiltinChain[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

const seconds: ValueType<number> = {
  placeholder: 'seconds',
  parse(text) {
    const parsed = parseValue('integer', text);
    if (parsed.ok && parsed.node <= TIMEOUT_LIMIT) return Number(parsed.node);
    throw new ValueError(`Invalid value for option --timeout or out of range 0-${TIMEOUT_LIMIT}`);
  },
};

/** iptables takes a `!` in front of all of them, and no notice of it. */
function setOption(name: string, about: string): OptionSpec {
  const messages = { missing: `${name} requires two args.`, repeated: `${name} can be specified only once` };
  return { name, values: [setName, directions], negatable: true, messages, about };
}

function flag(name: string, about: string): OptionSpec {
  return { name, values: [], negatable: true, repeatable: true, about };
}

export const setTarget: TargetExtension<SetTargetData> = {
  kind: 'target',
  name: 'SET',
  about: 'adds addresses and ports to a set of ipset(8), or deletes them from one',
  options: [
    setOption('--add-set', 'adds to this set'),
    setOption('--del-set', 'deletes from this set'),
    flag('--exist', 'sets the timeout anew where the element is there already'),
    { name: '--timeout', values: [seconds], negatable: true, repeatable: true, about: 'timeout of the element' },
    setOption('--map-set', 'looks up in this set, for what follows'),
    flag('--map-mark', "sets the packet's mark to what the element says"),
    flag('--map-prio', "sets the packet's class of traffic control likewise"),
    flag('--map-queue', "sets the packet's hardware queue likewise"),
  ],

  build(options) {
    refuseIncomplete(options);
    const [add, remove, map] = ['--add-set', '--del-set', '--map-set'].map((name) => useOf(options, name));
    const timeout = options.findLast(({ name }) => name === '--timeout')?.values[0] as number | undefined;
    return {
      ...(add && { add }),
      ...(remove && { delete: remove }),
      ...(map && { map }),
      exist: isGiven(options, '--exist'),
      ...(timeout !== undefined && { timeout }),
      mappings: MAPPINGS.filter((name) => isGiven(options, `--${name}`)),
    };
  },

  check({ map, mappings }, { table, chains }) {
    if (map === undefined) return undefined;
    if (table !== 'mangle') return `SET --map-set is only for the table mangle, not for ${table}`;
    const isLate = mappings.some((name) => name !== 'map-mark');
    if (!isLate || chains.every((chain) => LEAVING.includes(chain))) return undefined;
    return `SET --map-prio and --map-queue can only be reached from ${LEAVING.join(', ')}`;
  },

  print: (data) => wordsOf(data, '--', bareText),
  list: (data) => wordsOf(data, '', (name) => name).join(' '),
};

function useOf(options: readonly OptionUse[], name: string): SetUse | undefined {
  const use = options.find((each) => each.name === name);
  return use && { set: use.values[0] as string, sides: use.values[1] as readonly Side[] };
}

function refuseIncomplete(options: readonly OptionUse[]): void {
  const has = (name: string) => isGiven(options, name);
  const refuse = (message: string) => {
    throw new ExtensionError('missing-option', message);
  };
  if (!['--add-set', '--del-set', '--map-set'].some(has)) {
    refuse("You must specify either `--add-set' or `--del-set' or `--map-set'");
  }
  if (!has('--add-set')) {
    if (has('--exist')) refuse("Flag `--exist' can be used with `--add-set' only");
    if (has('--timeout')) refuse("Option `--timeout' can be used with `--add-set' only");
  }
  const mapping = MAPPINGS.find((name) => has(`--${name}`));
  if (mapping !== undefined && !has('--map-set')) refuse(`Flag \`--${mapping}' can be used with \`--map-set' only`);
  if (mapping === undefined && has('--map-set')) {
    refuse("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
  }
}

function wordsOf(data: SetTargetData, dashes: string, showName: (name: string) => string): string[] {
  const set = (name: string, use: SetUse | undefined) =>
    use === undefined ? [] : [`${dashes}${name}-set`, showName(use.set), use.sides.join(',')];
  return [
    ...set('add', data.add),
    ...(data.exist ? [`${dashes}exist`] : []),
    ...(data.timeout === undefined ? [] : [`${dashes}timeout`, `${data.timeout}`]),
    ...set('del', data.delete),
    ...set('map', data.map),
    ...data.mappings.map((name) => `${dashes}${name}`),
  ];
}
