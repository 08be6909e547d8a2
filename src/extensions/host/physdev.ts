// `-m physdev`: the ports of a bridge that a packet comes from and leaves by. Kernel: net/netfilter/xt_physdev.c.

import { ExtensionError, type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { bareText } from '../quote.ts';

/** Largest name of a device, in bytes (IFNAMSIZ less the final zero). */
const NAME_LIMIT = 15;

/** In the order in which iptables prints them. */
const CONDITIONS = ['is-in', 'in', 'is-out', 'out', 'is-bridged'] as const;
type Name = (typeof CONDITIONS)[number];

interface Condition {
  readonly negated: boolean;
  /** The device as written, a `+` at its end included; for `in` and `out`. */
  readonly device?: string;
}

export type PhysdevData = { readonly [N in Name]?: Condition };

const device: ValueType<string> = {
  placeholder: 'device[+]',
  parse(text) {
    if (Buffer.byteLength(text) <= NAME_LIMIT) return text;
    throw new ValueError(`interface name \`${text}' must be shorter than IFNAMSIZ (${NAME_LIMIT})`);
  },
};

export const physdev: MatchExtension<PhysdevData> = {
  kind: 'match',
  name: 'physdev',
  about: 'ports of a bridge',
  options: [
    { name: '--physdev-in', values: [device], negatable: true, about: 'the port the packet came in by' },
    { name: '--physdev-out', values: [device], negatable: true, about: 'the port it leaves by' },
    { name: '--physdev-is-in', values: [], negatable: true, about: 'it came in by a bridge' },
    { name: '--physdev-is-out', values: [], negatable: true, about: 'it leaves by a bridge' },
    { name: '--physdev-is-bridged', values: [], negatable: true, about: 'it is bridged, not routed' },
  ],

  precheck(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'PHYSDEV: no physdev option specified');
  },

  build(options) {
    const entries = options.map(({ name, values, negated }) => {
      const [device] = values as readonly [string?];
      return [name.slice('--physdev-'.length), { negated, ...(device !== undefined && { device }) }];
    });
    return Object.fromEntries(entries) as PhysdevData;
  },

  check(data, { chains }) {
    const isForBridged = data['is-bridged']?.negated === false;
    if ((data.out || data['is-out']) && !isForBridged && chains.includes('OUTPUT')) {
      return 'in OUTPUT only bridged packets have a port to leave by';
    }
    return undefined;
  },

  print: (data) => words(data, bareText),
  list: (data) => ['PHYSDEV match', ...words(data, (device) => device)].join(' '),
};

function words(data: PhysdevData, show: (device: string) => string): readonly string[] {
  return CONDITIONS.flatMap((name) => {
    const condition = data[name];
    if (condition === undefined) return [];
    const { negated, device } = condition;
    return negatable(negated, `--physdev-${name}`, ...(device === undefined ? [] : [show(device)]));
  });
}
