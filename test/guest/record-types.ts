// Prints what a kernel and its modules of netfilter tell of all that `src/kernel/features.ts` may look for: every
// word in quotes there that is the name of a structure, a member or a function.
//
//   tsx test/guest/record-types.ts [/sys/kernel/btf]

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BtfReader } from '../../src/bpf/btf-reader.ts';
import type { RecordedTypes } from '../harness/btf-blob.ts';

const directory = process.argv[2] ?? '/sys/kernel/btf';
const source = readFileSync(new URL('../../src/kernel/features.ts', import.meta.url), 'utf8');
const words = [...new Set([...source.matchAll(/'(\w+)'/g)].map((match) => match[1]!))].sort();

const kernel = new BtfReader(readFileSync(join(directory, 'vmlinux')));
const modules = ['nf_conntrack', 'nf_nat', 'x_tables'].map((name) => {
  const types = new BtfReader(readFileSync(join(directory, name)), kernel);
  return [name, record(types, kernel)] as const;
});
console.log(JSON.stringify({ kernel: record(kernel), ...Object.fromEntries(modules) }));

/** What a reader finds and its base does not. */
function record(types: BtfReader, base?: BtfReader): RecordedTypes {
  const structs = words.flatMap((name) => {
    const id = types.structId(name);
    if (id === undefined || id === base?.structId(name)) return [];
    const members = words.flatMap((member) => {
      const offset = types.memberOffset(name, member);
      return offset === undefined ? [] : [[member, offset] as const];
    });
    return [[name, { size: types.structSize(name)!, members: Object.fromEntries(members) }] as const];
  });
  const functions = words.filter((name) => {
    const id = types.functionId(name);
    return id !== undefined && id !== base?.functionId(name);
  });
  return { structs: Object.fromEntries(structs), functions };
}
