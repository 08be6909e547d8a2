// What programs may call outside of themselves: helpers by their fixed number, kernel functions by their BTF id.

import type { KernelFunction } from '../base/features.ts';

export type CallName =
  | KernelFunction
  | 'bpf_map_lookup_elem'
  | 'bpf_get_smp_processor_id'
  | 'bpf_tail_call'
  | 'bpf_jiffies64'
  | 'bpf_probe_read_kernel'
  | 'bpf_xdp_get_buff_len';

/** Helpers by number (`enum bpf_func_id`, include/uapi/linux/bpf.h). */
export const HELPER_NAMES: Readonly<Partial<Record<number, CallName>>> = {
  1: 'bpf_map_lookup_elem',
  8: 'bpf_get_smp_processor_id',
  12: 'bpf_tail_call',
  113: 'bpf_probe_read_kernel',
  118: 'bpf_jiffies64',
  188: 'bpf_xdp_get_buff_len',
};

/** Number of arguments of each, in R1 and up. */
export const ARGUMENT_COUNT: Readonly<Record<CallName, number>> = {
  bpf_map_lookup_elem: 2,
  bpf_get_smp_processor_id: 0,
  bpf_tail_call: 3,
  bpf_jiffies64: 0,
  bpf_probe_read_kernel: 3,
  bpf_xdp_get_buff_len: 1,
  bpf_dynptr_from_skb: 3,
  bpf_dynptr_slice: 4,
  bpf_cast_to_kern_ctx: 1,
  bpf_rdonly_cast: 2,
  bpf_iter_num_new: 3,
  bpf_iter_num_next: 1,
  bpf_iter_num_destroy: 1,
  bpf_xdp_ct_lookup: 5,
  bpf_ct_release: 1,
};
