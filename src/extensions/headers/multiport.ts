// `-m multiport`: lists of ports. Kernel: net/netfilter/xt_multiport.c, revision 1.

import { ExtensionError, type MatchExtension, type OptionSpec, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { portNumber } from '../values/port.ts';

/** One port, or all from `low` to `high`. */
export interface PortItem {
  readonly low: number;
  readonly high?: number;
}

type Side = 'sports' | 'dports' | 'ports';

export interface MultiportData {
  /** `ports` is either of the two. */
  readonly side: Side;
  readonly ports: readonly PortItem[];
  readonly negated: boolean;
}

/** Protocols with ports, by the names under which their services are looked up. */
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [136, 'udplite'],
  [132, 'sctp'],
  [33, 'dccp'],
]);

/** Ports that fit in, a range counting for two (XT_MULTI_PORTS in include/uapi/linux/netfilter/xt_multiport.h). */
const MOST = 15;

const ports: ValueType<readonly PortItem[]> = {
  placeholder: 'port[,port:port…]',
  parse(text, { names, protocol, protocolNegated }) {
    const protocolName = nameOf(protocol, protocolNegated);
    const numberOf = (word: string) => portNumber(word, names, protocolName);
    const items: PortItem[] = [];
    let taken = 0;
    for (const item of text.split(',')) {
      const colon = item.indexOf(':');
      taken += colon < 0 ? 1 : 2;
      if (taken > MOST) throw new ValueError('too many ports specified');
      const low = numberOf(colon < 0 ? item : item.slice(0, colon));
      if (colon < 0) {
        items.push({ low });
        continue;
      }
      const high = numberOf(item.slice(colon + 1));
      if (low >= high) throw new ValueError('invalid portrange specified');
      items.push({ low, high });
    }
    return items;
  },
};

/** iptables asks for the protocol when it meets the option, so `-p` must stand in front. */
function nameOf(protocol: number, negated: boolean): string {
  const name = PROTOCOLS.get(protocol);
  if (!negated && protocol === 0) {
    throw new ValueError("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
  }
  if (negated || name === undefined) {
    throw new ValueError('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP');
  }
  return name;
}

const SIDES: Readonly<Record<string, Side>> = {
  '--source-ports': 'sports',
  '--destination-ports': 'dports',
  '--ports': 'ports',
};

function option(name: string, about: string): OptionSpec {
  const excludes = Object.keys(SIDES).filter((other) => other !== name);
  const short = `--${SIDES[name]}`;
  return { name, ...(short !== name && { aliases: [short] }), values: [ports], negatable: true, excludes, about };
}

export const multiport: MatchExtension<MultiportData> = {
  kind: 'match',
  name: 'multiport',
  about: 'up to 15 ports, a range counting for two',
  protocols: [...PROTOCOLS.keys()],
  options: [
    option('--source-ports', 'the source port is one of these'),
    option('--destination-ports', 'the destination port is one of these'),
    option('--ports', 'either port is one of these'),
  ],

  precheck(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'multiport expection an option');
  },

  build(options) {
    const { name, values, negated } = options[0]!;
    return { side: SIDES[name]!, ports: values[0] as readonly PortItem[], negated };
  },

  print: ({ side, ports, negated }) => negatable(negated, `--${side}`, listed(ports, String)),

  list({ side, ports, negated }, { names, numeric, protocol }) {
    const name = (port: number) => names.serviceName(port, PROTOCOLS.get(protocol));
    const shown = listed(ports, (port) => (numeric ? undefined : name(port)) ?? `${port}`);
    return `multiport ${side} ${negated ? ' !' : ''}${shown}`;
  },
};

function listed(ports: readonly PortItem[], show: (port: number) => string): string {
  return ports.map(({ low, high }) => (high === undefined ? show(low) : `${show(low)}:${show(high)}`)).join(',');
}
