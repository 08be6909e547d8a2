// What the running kernel is and can, from its BTF and from /sys.

import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import type { Features, KernelFunction, KernelLayout } from '../base/features.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { BtfReader } from '../bpf/btf-reader.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

/** Where each is found: a member of a structure, and on through members that are structures themselves. */
const MEMBERS: Readonly<Record<keyof KernelLayout, readonly (readonly [struct: string, member: string])[]>> = {
  nfCtxState: [['bpf_nf_ctx', 'state']],
  nfCtxSkb: [['bpf_nf_ctx', 'skb']],
  hookStateIn: [['nf_hook_state', 'in']],
  hookStateOut: [['nf_hook_state', 'out']],
  deviceName: [['net_device', 'name']],
  deviceAddress: [['net_device', 'dev_addr']],
  // A `possible_net_t`, whose only member is the pointer.
  deviceNet: [['net_device', 'nd_net']],
  netAddressGeneration: [
    ['net', 'ipv4'],
    ['netns_ipv4', 'dev_addr_genid'],
  ],
  skbLen: [['sk_buff', 'len']],
  skbDataLen: [['sk_buff', 'data_len']],
  skbData: [['sk_buff', 'data']],
  xdpRxq: [['xdp_buff', 'rxq']],
  rxqDevice: [['xdp_rxq_info', 'dev']],
};

const FUNCTIONS: readonly KernelFunction[] = [
  'bpf_dynptr_from_skb',
  'bpf_dynptr_slice',
  'bpf_cast_to_kern_ctx',
  'bpf_rdonly_cast',
];

let known: Features | undefined;

/**
 * The facts of this kernel, read once in a process. Throws `UnsupportedError` where it has no BTF, or lacks netfilter
 * programs.
 */
export function probeFeatures(): Features {
  known ??= readFeatures();
  return known;
}

function readFeatures(): Features {
  const btf = readVmlinux();
  const layout = Object.fromEntries(
    Object.entries(MEMBERS).map(([key, path]) => [
      key,
      path.reduce((sum, [struct, member]) => {
        const offset = btf.memberOffset(struct, member);
        if (offset === undefined)
          throw new UnsupportedError(`${struct}.${member} in the kernel's BTF`, '6.4', release());
        return sum + offset;
      }, 0),
    ]),
  ) as unknown as KernelLayout;
  const functions = Object.fromEntries(
    FUNCTIONS.flatMap((name) => {
      const id = btf.functionId(name);
      return id === undefined ? [] : [[name, id]];
    }),
  );
  const wordsType = btf.structId('rusage');
  if (wordsType === undefined) throw new UnsupportedError("struct rusage in the kernel's BTF", '5.8', release());
  return {
    release: release(),
    possibleCpus: possibleCpus(),
    preemptRt: version().includes('PREEMPT_RT'),
    layout,
    functions,
    wordsType,
  };
}

function readVmlinux(): BtfReader {
  let bytes: Buffer;
  try {
    bytes = readFileSync(VMLINUX);
  } catch (error) {
    throw new UnsupportedError(`type information (${VMLINUX}: ${(error as Error).message})`, '5.8', release());
  }
  return new BtfReader(bytes);
}

/** Number of CPUs that may ever be online: one more than the last number in a list like `0-3,8`. */
function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return Number(/(\d+)$/.exec(list)![1]) + 1;
}
