// `-m devgroup`: the groups of the devices that a packet comes from and goes to. Kernel: net/netfilter/xt_devgroup.c.

import type { BuiltinChain } from '../../base/hooks.ts';
import type { NameTable } from '../../base/names.ts';
import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { hexMasked, negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import type { Masked } from '../values/integer.ts';
import { namedMark } from '../values/named-mark.ts';

interface GroupCondition extends Masked {
  readonly negated: boolean;
}

export interface DevgroupData {
  readonly source?: GroupCondition;
  readonly destination?: GroupCondition;
}

const MOST = 0xffff_ffff;

const group = namedMark(({ deviceGroups }) => deviceGroups, 'group[/mask]');

/** Where a packet has a device to come from, and where it has one to go to. */
const SOURCE_CHAINS: readonly BuiltinChain[] = ['PREROUTING', 'INPUT', 'FORWARD'];
const DESTINATION_CHAINS: readonly BuiltinChain[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

export const devgroup: MatchExtension<DevgroupData> = {
  kind: 'match',
  name: 'devgroup',
  about: 'groups of devices',
  options: [
    { name: '--src-group', values: [group], negatable: true, about: 'group of the device the packet comes from' },
    { name: '--dst-group', values: [group], negatable: true, about: 'group of the device it goes to' },
  ],

  precheck(options) {
    if (options.length > 0) return;
    const message = "devgroup match: You must specify either '--src-group' or '--dst-group'";
    throw new ExtensionError('missing-option', message);
  },

  build(options) {
    const source = conditionOf(useOf(options, '--src-group'));
    const destination = conditionOf(useOf(options, '--dst-group'));
    return { ...(source && { source }), ...(destination && { destination }) };
  },

  check({ source, destination }, { chains }) {
    const lacksSource = source && chains.find((chain) => !SOURCE_CHAINS.includes(chain));
    if (lacksSource) return `in ${lacksSource} a packet has no device that --src-group could mean`;
    const lacksDestination = destination && chains.find((chain) => !DESTINATION_CHAINS.includes(chain));
    return lacksDestination && `in ${lacksDestination} a packet has no device that --dst-group could mean`;
  },

  // Save and list differ: only -n asks for numbers, and iptables-save never does.
  print: (data, { names }) => words(data, '--', names.deviceGroups),
  list: (data, { names, numeric }) => words(data, '', numeric ? undefined : names.deviceGroups).join(' '),
};

function conditionOf(use: OptionUse | undefined): GroupCondition | undefined {
  return use && { ...(use.values[0] as Masked), negated: use.negated };
}

function words({ source, destination }: DevgroupData, prefix: string, table?: NameTable): readonly string[] {
  const show = (group: GroupCondition) =>
    (group.mask === MOST ? table?.name(group.value) : undefined) ?? hexMasked(group);
  return [
    ...(source ? negatable(source.negated, `${prefix}src-group`, show(source)) : []),
    ...(destination ? negatable(destination.negated, `${prefix}dst-group`, show(destination)) : []),
  ];
}
