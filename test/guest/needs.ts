// What tests need of a kernel that Debian's may lack. The kernel is asked, by loading a program or for its types, and never
// for its version.
//
// A test that needs what is not there is not run, and the summary names it with the reason; one that is missing here fails.
// The kernel that runs all tests has all of it, and nothing is left out there.

import { existsSync } from 'node:fs';
import { Assembler } from '../../src/bpf/assembler.ts';
import { encodeInstructions } from '../../src/bpf/encode.ts';
import type { ProgramType } from '../../src/bpf/image.ts';
import { R0 } from '../../src/bpf/instruction.ts';
import { tryLoad } from '../../src/kernel/bpf-call.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { kernelTypes } from '../../src/kernel/kernel-types.ts';
import { closeDescriptor } from '../../src/kernel/syscall.ts';

interface Need {
  /** As the summary says it, with the kernel that has it first. */
  readonly what: string;
  readonly isThere: () => boolean;
  /** Paths of files, and full names of tests in them, all if absent. */
  readonly files: RegExp;
  readonly names?: RegExp;
}

const NEEDS: readonly Need[] = [
  {
    what: 'netfilter programs (Linux 6.4)',
    isThere: () => loads('netfilter'),
    files: /^test\//,
    names: /^(?!probes).*\b(netfilter|exact)\b/,
  },
  {
    what: 'placement exact, which takes netfilter programs (Linux 6.4)',
    isThere: () => loads('netfilter'),
    files: /^test\/kernel\/(early|edge\/(guards|early))/,
  },
  {
    what: 'open-coded iterators (Linux 6.4)',
    isThere: () => probeFeatures().functions.bpf_iter_num_new !== undefined,
    files: /^test\/kernel\/ipv6-prologue/,
    names: /\bwith iterators\b/,
  },
  {
    what: "a count of nftables' changes (Linux 6.17, and some stable kernels)",
    isThere: () => kernelTypes().memberOffset('netns_nftables', 'base_seq') !== undefined,
    files: /^test\/kernel\/(early-changes|nat-sockets|edge\/guards)/,
    names: /\bNAT\b|tells who hooks/,
  },
  {
    what: 'br_netfilter, a module that is not loaded',
    isThere: () => existsSync('/proc/sys/net/bridge'),
    files: /^test\/kernel\/edge\/early-facts/,
    names: /bridges/,
  },
];

function loads(type: ProgramType): boolean {
  const { instructions } = new Assembler().mov(R0, 1).exit().finish();
  const result = tryLoad({ name: 'probe', type, code: encodeInstructions(instructions, () => 0) });
  if (result >= 0) closeDescriptor(result);
  return result >= 0;
}

/** What the kernel lacks of what a test needs; `undefined` where that is nothing. */
export function lackedBy(file: string, name: string): string | undefined {
  return missing().find(({ files, names }) => files.test(file) && (names?.test(name) ?? true))?.what;
}

let lacked: readonly Need[] | undefined;

function missing(): readonly Need[] {
  lacked ??= NEEDS.filter(({ isThere }) => !isThere());
  return lacked;
}
