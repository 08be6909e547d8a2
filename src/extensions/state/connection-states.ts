// The words for states and statuses of connections, which matches and man page share (conntrack(8), xt_conntrack.h).

import { parseValue } from '../../../grammar/parse.ts';
import { ValueError, type ValueType } from '../extension.ts';
import { asciiUpper } from '../values/choice.ts';

/** In the order in which iptables-save prints them; `-m state` knows the first five. */
export const CONNECTION_STATES = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];
const STATES_OF_STATE = CONNECTION_STATES.slice(0, 5);

/** In the order in which iptables-save prints them; NONE stands for an empty list. */
export const CONNECTION_STATUSES = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'] as const;
export type ConnectionStatus = (typeof CONNECTION_STATUSES)[number];

/**
 * Words between commas, in letters of either case; the beginning of a word is enough. Gives them in the order of `known`.
 * `refuse` gets what is left of the text from the first word that is none.
 */
function wordList<W extends string>(
  known: readonly W[],
  neutral: readonly string[],
  refuse: (rest: string, isLast: boolean) => string,
): ValueType<readonly W[]> {
  return {
    placeholder: `${[...neutral, ...known].join('|')}[,…]`,
    parse(text) {
      const parsed = parseValue('words', text);
      const given = parsed.ok ? parsed.node : [text];
      const meant = given.map((word, i) => {
        const start = asciiUpper(word);
        const found = word === '' ? undefined : [...neutral, ...known].find((each) => each.startsWith(start));
        if (found === undefined) throw new ValueError(refuse(given.slice(i).join(','), i === given.length - 1));
        return found;
      });
      return known.filter((word) => meant.includes(word));
    },
  };
}

/** `--ctstate`. */
export const trackedStates = wordList(CONNECTION_STATES, [], (rest) => `Bad ctstate "${rest}"`);

/** `--state`. */
export const states = wordList(STATES_OF_STATE, [], (rest, isLast) =>
  isLast && rest === ''
    ? '"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED'
    : `Bad state "${rest}"`,
);

/** `--ctstatus`. */
export const statuses = wordList(CONNECTION_STATUSES, ['NONE'], (rest) => `Bad ctstatus "${rest}"`);
