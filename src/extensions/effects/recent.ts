// `-m recent`: lists of addresses seen lately. Kernel: net/netfilter/xt_recent.c; the first revision of its interface.

import { type Address, formatAny } from '../../base/address.ts';
import { prefixMask } from '../../base/ipv4.ts';
import { prefixMask6 } from '../../base/ipv6.ts';
import { ExtensionError, type MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { host } from '../values/address.ts';
import { integer } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';
import { procNameRefusal } from './proc-name.ts';

const ACTIONS = ['set', 'rcheck', 'update', 'remove'] as const;
type Action = (typeof ACTIONS)[number];

export interface RecentData {
  readonly action: Action;
  readonly negated: boolean;
  /** 0 for any time, and any number of times. */
  readonly seconds: number;
  readonly hits: number;
  readonly reap: boolean;
  readonly ttl: boolean;
  readonly name: string;
  readonly side: 'source' | 'dest';
  readonly mask: Address;
}

/** Bytes of a list's name (XT_RECENT_NAME_LEN, with the final zero). */
const NAME_SIZE = 200;
/** Times of an address that are kept (XT_RECENT_MAX_NSTAMPS). */
const HITS_END = 65536;

const uint32 = integer(0xffffffff);

function action(name: Action, about: string): MatchExtension['options'][number] {
  const excludes = ACTIONS.filter((other) => other !== name).map((other) => `--${other}`);
  return { name: `--${name}`, values: [], negatable: true, excludes, about };
}

const LISTED: Readonly<Record<Action, string>> = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' };

export const recent: MatchExtension<RecentData> = {
  kind: 'match',
  name: 'recent',
  about: 'keeps lists of addresses and matches those seen lately',
  options: [
    action('set', 'puts the address into the list; always matches'),
    action('rcheck', 'matches if the address is in the list'),
    action('update', 'likewise, and notes that it was seen'),
    action('remove', 'likewise, and takes it out of the list'),
    { name: '--seconds', values: [integer(0xffffffff, 1, 'seconds')], about: 'only if seen in the last seconds' },
    { name: '--reap', values: [], also: ['--seconds'], about: 'takes out the addresses that are older than that' },
    { name: '--hitcount', values: [uint32], about: 'only if seen so many times' },
    {
      name: '--rttl',
      values: [],
      excludes: ['--set', '--remove'],
      about: 'only if the TTL is that of the first packet',
    },
    { name: '--name', values: [keptText(NAME_SIZE - 1, 0, 'name')], about: 'the list; DEFAULT where none is given' },
    { name: '--rsource', values: [], about: 'the source address counts (default)' },
    { name: '--rdest', values: [], about: 'the destination address counts' },
    { name: '--mask', values: [host], about: 'the bits of the address that count' },
  ],

  precheck(uses) {
    if (ACTIONS.some((name) => isGiven(uses, `--${name}`))) return;
    const words = "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'";
    throw new ExtensionError('missing-option', words);
  },

  build(uses, { family }) {
    const chosen = uses.find(({ name }) => ACTIONS.some((each) => name === `--${each}`))!;
    const side = uses.findLast(({ name }) => name === '--rsource' || name === '--rdest');
    return {
      action: chosen.name.slice(2) as Action,
      negated: chosen.negated,
      seconds: firstValue<number>(uses, '--seconds') ?? 0,
      hits: firstValue<number>(uses, '--hitcount') ?? 0,
      reap: isGiven(uses, '--reap'),
      ttl: isGiven(uses, '--rttl'),
      name: firstValue<string>(uses, '--name') ?? 'DEFAULT',
      side: side?.name === '--rdest' ? 'dest' : 'source',
      mask: firstValue<Address>(uses, '--mask') ?? (family === 'ipv4' ? prefixMask(32) : prefixMask6(128)),
    };
  },

  check({ action, seconds, hits, name }) {
    if ((action === 'set' || action === 'remove') && (seconds !== 0 || hits !== 0)) {
      return `--${action} asks for no time and no number of times`;
    }
    if (hits >= HITS_END) return `more than ${HITS_END - 1} times are not kept`;
    return procNameRefusal(name);
  },

  print(data) {
    const { action, negated, seconds, hits, reap, ttl, name, mask } = data;
    const words = [...negatable(negated, `--${action}`)];
    if (seconds !== 0) words.push('--seconds', `${seconds}`);
    if (reap) words.push('--reap');
    if (hits !== 0) words.push('--hitcount', `${hits}`);
    if (ttl) words.push('--rttl');
    words.push('--name', bareText(name), '--mask', formatAny(mask), `--r${data.side}`);
    return words;
  },

  list(data) {
    const { action, negated, seconds, hits, reap, ttl, name, side, mask } = data;
    const words = [...negatable(negated, 'recent:', LISTED[action])];
    if (seconds !== 0) words.push(`seconds: ${signed(seconds)}`);
    if (reap) words.push('reap');
    if (hits !== 0) words.push(`hit_count: ${signed(hits)}`);
    if (ttl) words.push('TTL-Match');
    return [...words, `name: ${name} side: ${side} mask: ${formatAny(mask)}`].join(' ');
  },
};

/** iptables shows these numbers as if they had a sign; it saves them so too, though it does not read that back. */
function signed(value: number): string {
  return `${value | 0}`;
}
