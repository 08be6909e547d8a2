// Ports as sctp and dccp print them: unlike tcp and udp, they keep a range of all ports.

import type { Interval } from '../../base/intervals.ts';
import type { ListContext, OptionUse } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { PORT_MAXIMUM } from '../values/port.ts';

export interface PortCondition extends Interval {
  readonly negated: boolean;
}

export interface KeptPorts {
  readonly source?: PortCondition;
  readonly destination?: PortCondition;
}

export function buildKeptPorts(options: readonly OptionUse[]): KeptPorts {
  const find = (name: string): PortCondition | undefined => {
    const use = options.find((each) => each.name === name);
    return use && { ...(use.values[0] as Interval), negated: use.negated };
  };
  const [source, destination] = [find('--source-port'), find('--destination-port')];
  return { ...(source && { source }), ...(destination && { destination }) };
}

export function printKeptPorts({ source, destination }: KeptPorts): readonly string[] {
  const show = (option: string, { low, high, negated }: PortCondition) =>
    negatable(negated, option, low === high ? `${low}` : `${low}:${high}`);
  return [...(source ? show('--sport', source) : []), ...(destination ? show('--dport', destination) : [])];
}

/** ` spt:22 dpts:!1024:65535`, nothing for all ports. */
export function listKeptPorts({ source, destination }: KeptPorts, protocol: string, context: ListContext): string {
  const name = (port: number) => (context.numeric ? undefined : context.names.serviceName(port, protocol)) ?? `${port}`;
  const show = (label: string, port: PortCondition | undefined) => {
    if (port === undefined || (port.low === 0 && port.high === PORT_MAXIMUM && !port.negated)) return '';
    const { low, high, negated } = port;
    const not = negated ? '!' : '';
    return low === high ? ` ${label}:${not}${name(low)}` : ` ${label}s:${not}${name(low)}:${name(high)}`;
  };
  return `${show('spt', source)}${show('dpt', destination)}`;
}
