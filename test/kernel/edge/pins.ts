// What is pinned in a bpffs.

import { readdirSync } from 'node:fs';

/** Names of the pins in a bpffs, without the kernel's own iterators (kernel/bpf/preload). */
export function listPins(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.endsWith('.debug'))
    .sort();
}
