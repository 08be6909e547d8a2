// `-m cgroup`: the control group of the socket that a packet belongs to. Kernel: net/netfilter/xt_cgroup.c.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { quoteText } from '../quote.ts';
import { useOf } from '../uses.ts';
import { uint32 } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';

export interface CgroupData {
  /** Below the root of cgroup2. */
  readonly path?: { readonly value: string; readonly negated: boolean };
  /** Of net_cls. */
  readonly classId?: { readonly value: number; readonly negated: boolean };
}

/** Bytes of a path (XT_CGROUP_PATH_LEN in include/uapi/linux/netfilter/xt_cgroup.h, less the final zero). */
const LIMIT = 511;

export const cgroup: MatchExtension<CgroupData> = {
  kind: 'match',
  name: 'cgroup',
  about: 'control group of the socket',
  chains: ['INPUT', 'OUTPUT', 'POSTROUTING'],
  options: [
    {
      name: '--path',
      values: [keptText(LIMIT, 0, 'path')],
      negatable: true,
      about: 'in this group of cgroup2 or below',
    },
    { name: '--cgroup', values: [uint32], negatable: true, about: 'has this class id of net_cls' },
  ],

  build(options) {
    const [path, classId] = ['--path', '--cgroup'].map((name) => useOf(options, name));
    return {
      ...(path && { path: { value: path.values[0] as string, negated: path.negated } }),
      ...(classId && { classId: { value: classId.values[0] as number, negated: classId.negated } }),
    };
  },

  check({ path, classId }, { kernel }) {
    if (path === undefined && classId === undefined) return 'cgroup needs --path or --cgroup';
    if (path !== undefined && classId !== undefined) return 'cgroup takes --path or --cgroup, not both';
    const isThere = path === undefined || kernel === undefined || kernel.cgroup(path.value);
    return isThere ? undefined : `there is no cgroup ${path.value}`;
  },

  print({ path, classId }) {
    return [
      ...(path ? negatable(path.negated, '--path', quoteText(path.value)) : []),
      ...(classId ? negatable(classId.negated, '--cgroup', `${classId.value}`) : []),
    ];
  },

  list({ path, classId }) {
    return [
      'cgroup',
      ...(path ? negatable(path.negated, path.value) : []),
      ...(classId ? negatable(classId.negated, `${classId.value}`) : []),
    ].join(' ');
  },
};
