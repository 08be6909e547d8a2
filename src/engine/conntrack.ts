// Connection tracking goes on before rules that ask about connections come into force, and off once none do any more.

import type { Diagnostic } from '../base/diagnostic.ts';
import { FAMILY_NAME, type Family } from '../base/family.ts';
import type { Manifest } from '../codegen/manifest.ts';
import { KernelError, LockError } from '../kernel/errors.ts';
import { NOWHERE } from './compile.ts';
import type { Kernel } from './kernel.ts';

/** What rules of a generation need. */
type Needs = Pick<Manifest, 'connections'>;

/** What to say where rules in force need connections and nothing of ours has them tracked. */
export function conntrackWarnings(kernel: Kernel, family: Family, inForce: Needs | undefined): readonly string[] {
  if (inForce?.connections !== true || kernel.isConntrackHeld(family)) return [];
  return [
    `what keeps connection tracking on for ${FAMILY_NAME[family]} is gone: unless something else does, all packets are INVALID ` +
      'to the rules in force; the next change puts it back',
  ];
}

/** Has connections tracked for rules that are about to come into force. Throws `LockError` while iptables has its lock. */
export function beginConntrack(kernel: Kernel, family: Family, next: Needs, file: string): Diagnostic | undefined {
  if (next.connections !== true || kernel.isConntrackHeld(family)) return undefined;
  try {
    kernel.holdConntrack(family);
    return undefined;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const message = `connections of ${FAMILY_NAME[family]} cannot be tracked: ${error.message}`;
    const hint =
      "the kernel needs iptables' tables (CONFIG_IP_NF_IPTABLES_LEGACY, CONFIG_IP_NF_SECURITY) and xt_conntrack";
    return { code: 'no-connections', message, file, span: NOWHERE, hint };
  }
}

/** Does `work`, which brings rules into force; where it fails, connections are tracked for those `inForce` alone. */
export function undoingConntrack<T>(kernel: Kernel, family: Family, inForce: Needs | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    endConntrack(kernel, family, inForce);
    throw error;
  }
}

/** Ends it, unless rules in force still need it; says what went wrong. */
export function endConntrack(kernel: Kernel, family: Family, inForce: Needs | undefined): readonly string[] {
  if (inForce?.connections === true || !kernel.isConntrackHeld(family)) return [];
  try {
    kernel.releaseConntrack(family);
    return [];
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof LockError)) throw error;
    return [`connection tracking stays on: ${error.message}`];
  }
}
