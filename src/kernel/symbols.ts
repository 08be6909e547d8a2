// Functions of the kernel by their addresses.

import { readFileSync } from 'node:fs';

/** What was found: reading all symbols takes the kernel some 100 ms. */
const known = new Map<bigint, string>();

/** Whether a function of the kernel, or of a module, is at an address. Not where the kernel hides addresses (`kptr_restrict`). */
export function isFunctionAt(address: bigint, name: string): boolean {
  if (known.get(address) === name) return true;
  // A module's name follows behind a tab.
  const line = new RegExp(`^${address.toString(16).padStart(16, '0')} [tT] ${name}(\\t|$)`, 'm');
  if (!line.test(readFileSync('/proc/kallsyms', 'latin1'))) return false;
  known.set(address, name);
  return true;
}
