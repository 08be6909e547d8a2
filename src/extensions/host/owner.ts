// `-m owner`: who owns the socket that a packet comes from. Kernel: net/netfilter/xt_owner.c.

import { parseValue } from '../../../grammar/parse.ts';
import type { NameTable } from '../../base/names.ts';
import {
  ExtensionError,
  type MatchExtension,
  type OptionUse,
  type ValueContext,
  ValueError,
  type ValueType,
} from '../extension.ts';
import { negatable } from '../print-words.ts';
import { isGiven } from '../uses.ts';

/** Both ends included. */
interface Ids {
  readonly low: number;
  readonly high: number;
  readonly negated: boolean;
}

export interface OwnerData {
  readonly user?: Ids;
  readonly group?: Ids;
  readonly supplementary: boolean;
  readonly socketExists?: { readonly negated: boolean };
}

/** The largest id that is none stands for "nobody asked". */
const HIGHEST_ID = 0xffff_fffen;

/** A name, an id, or two with `-` or `:` between. */
function ids(table: (context: ValueContext) => NameTable | undefined): ValueType<Omit<Ids, 'negated'>> {
  return {
    placeholder: 'name|id[-id]',
    parse(text, context) {
      const named = table(context)?.number(text);
      if (named !== undefined) return { low: named, high: named };
      const parsed = parseValue('idRange', text);
      if (!parsed.ok || parsed.node.some((id) => id > HIGHEST_ID)) throw badValue(context.option, text);
      const [low, high = low] = parsed.node;
      return { low: Number(low), high: Number(high) };
    },
  };
}

function badValue(option: string, text: string): ValueError {
  return new ValueError(`owner: Bad value for "${option}" option: "${text}"`);
}

export const owner: MatchExtension<OwnerData> = {
  kind: 'match',
  name: 'owner',
  about: 'who owns the socket that the packet comes from',
  chains: ['OUTPUT', 'POSTROUTING'],
  options: [
    {
      name: '--uid-owner',
      values: [ids(({ names }) => names.users)],
      negatable: true,
      about: 'the user, or from and to',
    },
    { name: '--gid-owner', values: [ids(({ names }) => names.groups)], negatable: true, about: 'the group' },
    { name: '--socket-exists', values: [], negatable: true, about: 'there is a socket' },
    {
      ...{ name: '--suppl-groups', values: [], about: 'the further groups of the process count too' },
      atOnce(_use, earlier) {
        if (isGiven(earlier, '--gid-owner')) return;
        const { message } = badValue('--suppl-groups', 'you need to use --gid-owner first');
        throw new ExtensionError('missing-option', message);
      },
    },
  ],

  precheck(options) {
    if (options.length > 0) return;
    const needed = '--uid-owner, --gid-owner or --socket-exists';
    throw new ExtensionError('missing-option', `owner: At least one of ${needed} is required`);
  },

  build(options) {
    const at = (name: string) => options.findIndex((use) => use.name === name);
    const [user, group] = ['--uid-owner', '--gid-owner'].map((name) => idsOf(options[at(name)]));
    const socket = options[at('--socket-exists')];
    return {
      ...(user && { user }),
      ...(group && { group }),
      supplementary: at('--suppl-groups') >= 0,
      ...(socket && { socketExists: { negated: socket.negated } }),
    };
  },

  check({ user, group }) {
    const turned = [user, group].find((range) => range !== undefined && range.low > range.high);
    return turned && `the range ${turned.low}-${turned.high} is empty`;
  },

  print({ user, group, supplementary, socketExists }) {
    return [
      ...(socketExists ? negatable(socketExists.negated, '--socket-exists') : []),
      ...printIds('--uid-owner', user),
      ...printIds('--gid-owner', group),
      ...(supplementary ? ['--suppl-groups'] : []),
    ];
  },

  list({ user, group, supplementary, socketExists }, { names, numeric }) {
    const table = (each: NameTable | undefined) => (numeric ? undefined : each);
    return [
      ...(socketExists ? negatable(socketExists.negated, 'owner socket exists') : []),
      ...printIds('owner UID match', user, table(names.users)),
      ...printIds('owner GID match', group, table(names.groups)),
      ...(supplementary ? ['incl. suppl. groups'] : []),
    ].join(' ');
  },
};

function idsOf(use: OptionUse | undefined): Ids | undefined {
  return use && { ...(use.values[0] as Omit<Ids, 'negated'>), negated: use.negated };
}

function printIds(label: string, ids: Ids | undefined, names?: NameTable): readonly string[] {
  if (ids === undefined) return [];
  const { low, high, negated } = ids;
  return negatable(negated, label, low === high ? (names?.name(low) ?? `${low}`) : `${low}-${high}`);
}
