// The targets DNAT, SNAT, MASQUERADE and REDIRECT: they translate addresses and ports of a connection. Kernel:
// net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c.

import type { BuiltinChain } from '../../base/hooks.ts';
import { ExtensionError, type OptionSpec, type OptionUse, type TargetExtension, type ValueType } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { formatPorts, formatRange, type NatPorts, type NatRange, natPorts, natRange } from './nat-range.ts';

/** How a free port or address is chosen. */
const CHOICES = ['random', 'random-fully', 'persistent'] as const;
type Choice = (typeof CHOICES)[number];

const ABOUT_CHOICE: Readonly<Record<Choice, string>> = {
  random: 'takes any free port',
  'random-fully': 'likewise, in no order that can be guessed',
  persistent: 'gives a client the same address each time',
};

export interface TranslationData extends NatRange {
  /** In the order in which they are printed. */
  readonly choices: readonly Choice[];
}

interface Form {
  readonly name: string;
  readonly about: string;
  readonly chains: readonly BuiltinChain[];
  readonly option: string;
  readonly aboutOption: string;
  readonly choices: readonly Choice[];
  /** Only ports can be given, and they need not. */
  readonly portsOnly: boolean;
  /** What stands before the range in a listing. */
  readonly label: string;
  /** `/port` behind a range: the kernel gets it, iptables refuses it, or the kernel gets a 0 in its place. */
  readonly base: 'kept' | 'refused' | 'lost';
}

function translation(form: Form): TargetExtension<TranslationData> {
  const type: ValueType = form.portsOnly ? natPorts : natRange;
  const to: OptionSpec = { name: form.option, values: [type], required: !form.portsOnly, about: form.aboutOption };
  const asText = (data: TranslationData) => {
    const withPorts = data.ports === undefined ? '' : formatPorts(data.ports);
    return form.portsOnly ? withPorts : formatRange(data);
  };
  return {
    kind: 'target',
    name: form.name,
    about: form.about,
    tables: ['nat'],
    chains: form.chains,
    options: [to, ...form.choices.map((choice) => ({ name: `--${choice}`, values: [], about: ABOUT_CHOICE[choice] }))],

    precheck(uses) {
      if (form.base !== 'refused' || rangeOf(uses, form).ports?.base === undefined) return;
      const words = 'Shifted portmap ranges not supported with this kernel';
      throw new ExtensionError('bad-value', words, form.option);
    },

    build: (uses) => ({
      ...rangeOf(uses, form),
      choices: CHOICES.filter((choice) => isGiven(uses, `--${choice}`)),
    }),

    // A base that the kernel does not get is printed as written: iptables does not read back the 0 that it prints.
    print(data) {
      const range = asText(data);
      return [...(range === '' ? [] : [form.option, range]), ...data.choices.map((choice) => `--${choice}`)];
    },

    list(data) {
      const range = asText(form.base === 'lost' ? withoutBase(data) : data);
      return [...(range === '' ? [] : [`${form.label}${range}`]), ...data.choices].join(' ');
    },
  };
}

function withoutBase(data: TranslationData): TranslationData {
  return data.ports?.base === undefined ? data : { ...data, ports: { ...data.ports, base: 0 } };
}

function rangeOf(uses: readonly OptionUse[], { option, portsOnly }: Form): NatRange {
  const given = firstValue<NatRange | NatPorts>(uses, option);
  if (given === undefined) return {};
  return portsOnly ? { ports: given as NatPorts } : (given as NatRange);
}

export const dnat = translation({
  ...{ name: 'DNAT', about: 'sends the connection to another address', chains: ['PREROUTING', 'OUTPUT'] },
  ...{ option: '--to-destination', aboutOption: 'the addresses and ports to take', portsOnly: false },
  ...{ choices: ['random', 'persistent'], label: 'to:', base: 'kept' },
});

export const snat = translation({
  ...{ name: 'SNAT', about: 'lets the connection come from another address', chains: ['INPUT', 'POSTROUTING'] },
  ...{ option: '--to-source', aboutOption: 'the addresses and ports to take', portsOnly: false },
  ...{ choices: CHOICES, label: 'to:', base: 'lost' },
});

export const masquerade = translation({
  ...{ name: 'MASQUERADE', about: "lets the connection come from the outgoing device's address" },
  ...{ chains: ['POSTROUTING'], option: '--to-ports', aboutOption: 'the ports to take', portsOnly: true },
  ...{ choices: ['random', 'random-fully'], label: 'masq ports: ', base: 'lost' },
});

export const redirect = translation({
  ...{ name: 'REDIRECT', about: 'sends the connection to this machine', chains: ['PREROUTING', 'OUTPUT'] },
  ...{ option: '--to-ports', aboutOption: 'the ports to take', portsOnly: true },
  ...{ choices: ['random'], label: 'redir ports ', base: 'refused' },
});
