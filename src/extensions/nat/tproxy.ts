// `-j TPROXY`: hands the packet to a local socket without changing it. Kernel: net/netfilter/xt_TPROXY.c.

import { type Address, formatAny } from '../../base/address.ts';
import type { TargetExtension } from '../extension.ts';
import { firstValue } from '../uses.ts';
import { host } from '../values/address.ts';
import { type Masked, mark } from '../values/integer.ts';
import { resolvedPort } from '../values/resolved-port.ts';

export interface TproxyData {
  /** 0 for the packet's own. */
  readonly port: number;
  /** 0 for an address of the device that the packet came in by. */
  readonly address: Address;
  readonly mark: Masked;
}

const TCP = 6;
const UDP = 17;

export const tproxy: TargetExtension<TproxyData> = {
  kind: 'target',
  name: 'TPROXY',
  about: 'hands the packet to a local socket as it is',
  tables: ['mangle'],
  chains: ['PREROUTING'],
  protocols: [TCP, UDP],
  options: [
    { name: '--on-port', values: [resolvedPort], required: true, about: "the socket's port; 0 is the packet's own" },
    { name: '--on-ip', values: [host], about: "the socket's address" },
    { name: '--tproxy-mark', values: [mark], about: 'marks the packet' },
  ],
  build: (uses, { family }) => ({
    port: firstValue<number>(uses, '--on-port')!,
    address: firstValue<Address>(uses, '--on-ip') ?? (family === 'ipv4' ? 0 : 0n),
    mark: firstValue<Masked>(uses, '--tproxy-mark') ?? { value: 0, mask: 0 },
  }),
  print: ({ port, address, mark }) => [
    ...['--on-port', `${port}`, '--on-ip', formatAny(address)],
    ...['--tproxy-mark', markText(mark)],
  ],
  list: ({ port, address, mark }) => `TPROXY redirect ${formatAny(address)}:${port} mark ${markText(mark)}`,
};

function markText({ value, mask }: Masked): string {
  return `0x${value.toString(16)}/0x${mask.toString(16)}`;
}
