// The XDP prologue for IPv6 as a program of its own, whose return value says where a frame goes.

import type { Features, HostFacts } from '../../src/base/features.ts';
import type { Field } from '../../src/base/predicate.ts';
import type { Program } from '../../src/bpf/image.ts';
import { R0 } from '../../src/bpf/instruction.ts';
import { emitXdpIpv6Prologue } from '../../src/codegen/xdp-ipv6.ts';
import { keyProgram } from './key-program.ts';

/** What the program returns; it writes the key for INPUT alone. */
export const WAY = { input: 1, pass: 2, forward: 3, undecided: 4 } as const;

export function framesProgram(features: Features, facts: HostFacts, fields: readonly Field[]): Program {
  return keyProgram('xdp', features, fields, (a) => {
    const [input, forward, undecided] = [a.label('INPUT'), a.label('FORWARD'), a.label('undecided')];
    emitXdpIpv6Prologue(a, features, facts, new Set(fields), { input, forward, undecided });
    a.bind(forward).mov(R0, WAY.forward).exit();
    a.bind(undecided).mov(R0, WAY.undecided).exit();
    a.bind(input);
  });
}

/** A kernel that lacks iterators, as those before 6.4 do, and is the same in all else. */
export function withoutIterators(features: Features): Features {
  const names = ['bpf_iter_num_new', 'bpf_iter_num_next', 'bpf_iter_num_destroy'];
  const functions = Object.entries(features.functions).filter(([name]) => !names.includes(name));
  return { ...features, functions: Object.fromEntries(functions) };
}
