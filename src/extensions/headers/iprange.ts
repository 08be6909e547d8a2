// `-m iprange`: addresses from one to another. Kernel: net/netfilter/xt_iprange.c, revision 1.

import { type Address, formatAny } from '../../base/address.ts';
import { ExtensionError, type MatchExtension, type OptionUse, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { autocompletedAddress } from '../values/autocompleted-address.ts';

interface AddressRange {
  /** Ends as written; where the first is the larger one no address lies between them. */
  readonly low: Address;
  readonly high: Address;
}

interface RangeCondition extends AddressRange {
  readonly negated: boolean;
}

export interface IprangeData {
  readonly source?: RangeCondition;
  readonly destination?: RangeCondition;
}

const range: ValueType<AddressRange> = {
  placeholder: 'address[-address]',
  parse(text, { family, option }) {
    const dash = text.indexOf('-');
    const ends = dash < 0 ? [text, text] : [text.slice(0, dash), text.slice(dash + 1)];
    const [low, high] = ends.map((end) => {
      const address = autocompletedAddress(end, family);
      if (address === undefined) throw new ValueError(`iprange: Bad value for "${option}" option: "${end}"`);
      return address;
    });
    return { low: low!, high: high! };
  },
};

export const iprange: MatchExtension<IprangeData> = {
  kind: 'match',
  name: 'iprange',
  about: 'addresses from one to another',
  options: [
    { name: '--src-range', values: [range], negatable: true, about: 'the source lies between these' },
    { name: '--dst-range', values: [range], negatable: true, about: 'the destination lies between these' },
  ],

  precheck(options) {
    if (options.length > 0) return;
    throw new ExtensionError('missing-option', "iprange match: You must specify `--src-range' or `--dst-range'");
  },

  build(options) {
    const source = condition(useOf(options, '--src-range'));
    const destination = condition(useOf(options, '--dst-range'));
    return { ...(source && { source }), ...(destination && { destination }) };
  },

  print: ({ source, destination }) => [
    ...(source ? negatable(source.negated, '--src-range', rangeText(source)) : []),
    ...(destination ? negatable(destination.negated, '--dst-range', rangeText(destination)) : []),
  ],

  list({ source, destination }) {
    const show = (side: string, range: RangeCondition) =>
      `${side} IP range ${range.negated ? '! ' : ''}${rangeText(range)}`;
    return [source && show('source', source), destination && show('destination', destination)]
      .filter((text) => text !== undefined)
      .join(' ');
  },
};

function condition(use: OptionUse | undefined): RangeCondition | undefined {
  return use && { ...(use.values[0] as AddressRange), negated: use.negated };
}

function rangeText({ low, high }: AddressRange): string {
  return `${formatAny(low)}-${formatAny(high)}`;
}
