// `-j REJECT`: drops the packet and answers. Kernel: net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c.

import type { Family } from '../../base/family.ts';
import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue } from '../uses.ts';

export interface RejectData {
  /** The answer, by the name that iptables prints. */
  readonly with: string;
}

type Answer = readonly [name: string, shortName: string];

/** In the kernel's order of numbers: an abbreviation means the first that fits. */
const ANSWERS: Readonly<Record<Family, readonly Answer[]>> = {
  ipv4: [
    ['icmp-net-unreachable', 'net-unreach'],
    ['icmp-host-unreachable', 'host-unreach'],
    ['icmp-proto-unreachable', 'proto-unreach'],
    ['icmp-port-unreachable', 'port-unreach'],
    ['icmp-net-prohibited', 'net-prohib'],
    ['icmp-host-prohibited', 'host-prohib'],
    ['tcp-reset', 'tcp-rst'],
    ['icmp-admin-prohibited', 'admin-prohib'],
  ],
  ipv6: [
    ['icmp6-no-route', 'no-route'],
    ['icmp6-adm-prohibited', 'adm-prohibited'],
    ['icmp6-addr-unreachable', 'addr-unreach'],
    ['icmp6-port-unreachable', 'port-unreach'],
    ['tcp-reset', 'tcp-reset'],
    ['icmp6-policy-fail', 'policy-fail'],
    ['icmp6-reject-route', 'reject-route'],
  ],
};

const DEFAULT: Readonly<Record<Family, string>> = { ipv4: 'icmp-port-unreachable', ipv6: 'icmp6-port-unreachable' };

const TCP = 6;

/** A name of an answer in any case of letters, or the beginning of one. */
const answer: ValueType<string> = {
  placeholder: 'answer',
  parse(text, { family }) {
    const beginning = text.toLowerCase();
    const found = ANSWERS[family].find((names) => names.some((name) => name.startsWith(beginning)));
    if (found === undefined) throw new ValueError(`unknown reject type "${text}"`);
    return found[0];
  },
};

function rejectFor(family: Family): TargetExtension<RejectData> {
  return {
    kind: 'target',
    name: 'REJECT',
    families: [family],
    about: 'drops the packet and tells its sender',
    options: [{ name: '--reject-with', values: [answer], about: `the answer; ${DEFAULT[family]} if not given` }],
    tables: ['filter'],
    build: (options) => ({ with: firstValue<string>(options, '--reject-with') ?? DEFAULT[family] }),
    check(data, { protocol, protocolNegated }) {
      if (data.with !== 'tcp-reset' || (protocol === TCP && !protocolNegated)) return undefined;
      return 'REJECT answers with tcp-reset only where the rule has `-p tcp`';
    },
    print: (data) => ['--reject-with', data.with],
    list: (data) => `reject-with ${data.with}`,
  };
}

export const reject4 = rejectFor('ipv4');
export const reject6 = rejectFor('ipv6');
