// `-m mark` and `-m connmark`: the mark of the packet, or of its connection.

import type { MatchExtension } from '../extension.ts';
import { hexMasked, negatable } from '../print-words.ts';
import { type Masked, mark as markValue } from '../values/integer.ts';

export interface MarkData extends Masked {
  readonly negated: boolean;
}

function markMatch(name: string, about: string, list: (value: string, negated: boolean) => string) {
  const match: MatchExtension<MarkData> = {
    kind: 'match',
    name,
    about,
    options: [
      { name: '--mark', values: [markValue], negatable: true, required: true, about: 'value, where mask is 1' },
    ],
    build(options) {
      const { values, negated } = options[0]!;
      return { ...(values[0] as Masked), negated };
    },
    print: (data) => negatable(data.negated, '--mark', hexMasked(data)),
    list: (data) => list(hexMasked(data), data.negated),
  };
  return match;
}

export const mark = markMatch('mark', 'mark of the packet', (value, negated) => {
  return `mark match ${negated ? '! ' : ''}${value}`;
});

export const connmark = markMatch('connmark', 'mark of the connection', (value, negated) => {
  return `connmark match ${negated ? '!' : ''} ${value}`;
});
