// `-m realm`: the realm of the route that a packet takes. Kernel: net/netfilter/xt_realm.c.

import type { NameTable } from '../../base/names.ts';
import type { MatchExtension } from '../extension.ts';
import { hexMasked, negatable } from '../print-words.ts';
import type { Masked } from '../values/integer.ts';
import { namedMark } from '../values/named-mark.ts';

export interface RealmData extends Masked {
  readonly negated: boolean;
}

export const realm: MatchExtension<RealmData> = {
  kind: 'match',
  name: 'realm',
  families: ['ipv4'],
  about: 'realm of the route',
  chains: ['INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  options: [
    {
      ...{ name: '--realm', values: [namedMark(({ realms }) => realms)], negatable: true, required: true },
      about: 'the realm, by number or by a name of /etc/iproute2/rt_realms',
    },
  ],
  build(options) {
    const { values, negated } = options[0]!;
    return { ...(values[0] as Masked), negated };
  },
  print: ({ negated, ...masked }, { names }) => negatable(negated, '--realm', text(masked, names.realms)),
  list: ({ negated, ...masked }, { names, numeric }) =>
    negatable(negated, 'realm', text(masked, numeric ? undefined : names.realms)).join(' '),
};

function text(masked: Masked, table: NameTable | undefined): string {
  return (masked.mask === 0xffff_ffff ? table?.name(masked.value) : undefined) ?? hexMasked(masked);
}
