// `-m state`: the state of the connection alone; the kernel has it as an alias of conntrack.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { stateClauses } from './connection-clauses.ts';
import { matchState } from './connection-matches.ts';
import { type ConnectionState, states } from './connection-states.ts';

export interface StateData {
  readonly states: readonly ConnectionState[];
  readonly negated: boolean;
}

export const state: MatchExtension<StateData> = {
  kind: 'match',
  name: 'state',
  about: 'the state of the connection',
  options: [
    {
      name: '--state',
      values: [states],
      negatable: true,
      required: true,
      about: 'the connection is in one of the states',
    },
  ],
  build(options) {
    const { values, negated } = options[0]!;
    return { states: values[0] as readonly ConnectionState[], negated };
  },
  print: ({ states, negated }) => negatable(negated, '--state', states.join(',')),
  list: ({ states, negated }) => negatable(negated, 'state', states.join(',')).join(' '),
  meaning: { clauses: stateClauses, matches: matchState },
};
