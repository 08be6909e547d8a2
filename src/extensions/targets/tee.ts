// `-j TEE`: sends a copy of the packet to another host of the network. Kernel: net/netfilter/xt_TEE.c, revision 1.

import { type Address, formatAny } from '../../base/address.ts';
import type { TargetExtension } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue } from '../uses.ts';
import { host } from '../values/address.ts';
import { keptText } from '../values/kept-text.ts';

export interface TeeData {
  readonly gateway: Address;
  /** Empty for any. */
  readonly outInterface: string;
}

/** Longest name of a device, in bytes (IFNAMSIZ less the final zero). */
const INTERFACE_LIMIT = 15;

export const tee: TargetExtension<TeeData> = {
  kind: 'target',
  name: 'TEE',
  about: 'sends a copy of the packet to another host',
  options: [
    { name: '--gateway', values: [host], required: true, about: 'the host, a neighbour of this one' },
    { name: '--oif', values: [keptText(INTERFACE_LIMIT, 0, 'device')], about: 'the device to send it through' },
  ],
  build: (options) => ({
    gateway: firstValue<Address>(options, '--gateway')!,
    outInterface: firstValue<string>(options, '--oif') ?? '',
  }),
  check: ({ gateway }) => (BigInt(gateway) === 0n ? 'TEE takes no gateway 0.0.0.0 or ::' : undefined),
  print({ gateway, outInterface }) {
    const words = ['--gateway', formatAny(gateway)];
    return outInterface === '' ? words : [...words, '--oif', bareText(outInterface)];
  },
  list: ({ gateway, outInterface }) =>
    `TEE gw:${formatAny(gateway)}${outInterface === '' ? '' : ` oif=${outInterface}`}`,
};
