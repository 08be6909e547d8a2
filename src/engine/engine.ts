// The firewalls of one network namespace, one for each family, for commands and the service alike.
//
// What is done for one family leaves the other as it is. Either can be kept (placement `none`), which touches nothing of
// the kernel but the namespace's lock. Rules come into force in `enforcer.ts`; what is there is read in `current.ts`.

import { ZERO } from '../base/counters.ts';
import { FAMILIES, type Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';
import { zeroCounters } from '../ruleset/edit.ts';
import type { Rule, Table } from '../ruleset/model.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import { StoreError } from '../store/errors.ts';
import { conntrackWarnings } from './conntrack.ts';
import { readBasis, readCounters, readCurrent } from './current.ts';
import { Enforcer, type Tuning } from './enforcer.ts';
import { finish, unfinished } from './flip.ts';
import { carryCounters, keep, keptWarning, readKept, releasedWarning } from './kept.ts';
import type { Kernel } from './kernel.ts';
import { type Directories, lockPath } from './layout.ts';
import { NamespaceState } from './namespace-state.ts';
import { describeStatus, type FamilyFacts } from './status.ts';
import { syncFamily } from './sync.ts';
import { systemKernel } from './system-kernel.ts';
import type {
  ApplyRequest,
  ApplyResult,
  Current,
  Engine,
  Status,
  SyncResult,
  TableCounters,
  ZeroSelection,
} from './types.ts';
import { zeroSlots } from './zero.ts';

/** Opens the firewalls of the network namespace that the process is in. `kernel` is the running one unless a test says so. */
export function openEngine(directories: Directories, kernel: Kernel = systemKernel, tuning: Tuning = {}): Engine {
  return new NamespaceEngine(directories, kernel, tuning);
}

class NamespaceEngine implements Engine {
  private readonly kernel: Kernel;
  private readonly state: NamespaceState;
  private readonly enforcer: Enforcer;
  private locked = false;

  constructor(directories: Directories, kernel: Kernel, tuning: Tuning) {
    this.kernel = kernel;
    this.state = new NamespaceState(directories, kernel);
    this.enforcer = new Enforcer(this.state, tuning);
  }

  withLock<T>(seconds: number, work: () => T): T {
    const { root, identity } = this.state;
    const release = this.kernel.lock(lockPath(root, identity.cookie), seconds);
    this.locked = true;
    try {
      return work();
    } finally {
      this.locked = false;
      release();
    }
  }

  apply(request: ApplyRequest): ApplyResult {
    this.requireLock();
    const { placement } = request;
    return placement === 'none' ? this.keep(request) : this.enforcer.enforce({ ...request, placement });
  }

  verify(request: ApplyRequest): ApplyResult {
    const { placement } = request;
    if (placement === 'none') return { ok: true, generation: 0, diagnostics: [], notes: [], warnings: [] };
    return this.enforcer.verify({ ...request, placement });
  }

  sync(family: Family): SyncResult {
    this.requireLock();
    return syncFamily(this.state, family, (request) => this.apply(request));
  }

  current(family: Family, ifLost?: 'throw' | 'nothing'): Current | undefined {
    return readCurrent(this.state, family, ifLost);
  }

  basis(family: Family, ifLost?: 'throw' | 'nothing', replaced?: ReadonlySet<TableName>): Current | undefined {
    return readBasis(this.state, family, ifLost, replaced);
  }

  counters(family: Family): TableCounters {
    return readCounters(this.state, family);
  }

  zero(family: Family, selection: ZeroSelection, shown?: TableCounters): readonly string[] {
    this.requireLock();
    const { table = ENFORCED_TABLE, chain, rule } = selection;
    if (this.state.isEnforced(family)) {
      if (table === ENFORCED_TABLE) this.zeroEnforced(family, selection, shown);
      return [];
    }
    const store = this.state.store();
    const kept = store?.kept(family);
    if (store === undefined || kept === undefined) return [];
    keep(store, zeroCounters(readKept(kept, family), table, chain, rule), kept.sourceFile);
    return [keptWarning(family)];
  }

  detach(): readonly string[] {
    this.requireLock();
    this.enforcer.release(FAMILIES);
    try {
      const store = this.state.store();
      for (const family of FAMILIES) store?.forget(family);
      this.retirePrepared(FAMILIES);
      return [];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return [`what the store has of the rules is still there: ${error.message}`, error.remedy];
    }
  }

  settle(): readonly string[] {
    this.requireLock();
    const installation = this.state.installation();
    const store = this.state.store();
    if (installation === undefined || store === undefined) return [];
    const steps = FAMILIES.map((family) => () => finish({ kernel: this.kernel, store, installation, family }));
    return [...steps, () => store.sync()].flatMap((step) => {
      try {
        step();
        return [];
      } catch (error) {
        return [unfinished(error)];
      }
    });
  }

  status(): Status {
    const { directories, identity, pins } = this.state;
    const families = { ipv4: this.factsOf('ipv4'), ipv6: this.factsOf('ipv6') };
    // Last: others may begin anew while the facts are asked for.
    const installation = this.state.installation();
    return describeStatus({ kernel: this.kernel, directories, identity, pins, installation, families });
  }

  warnings(family: Family): readonly string[] {
    return conntrackWarnings(this.kernel, family, this.state.found(family)?.manifest);
  }

  close(): void {
    this.enforcer.forget();
    this.state.close();
  }

  private keep({ ruleset, source, counters, before: madeFrom }: ApplyRequest): ApplyResult {
    const { family } = ruleset;
    const wasEnforced = this.state.isEnforced(family);
    const store = this.state.storeForChange();
    const kept = counters === 'kept' ? new Set(madeFrom?.ruleset.tables.flatMap(rulesOf)) : undefined;
    // Nothing counts at placement `none`: rules that were there have the counters that they were read with.
    const isExact = counters === 'ruleset' || (kept !== undefined && !wasEnforced);
    const before = isExact ? undefined : this.current(family, 'nothing')?.ruleset;
    const diagnostics = keep(store, before === undefined ? ruleset : carryCounters(before, ruleset, kept), source.file);
    if (diagnostics.length > 0) return { ok: false, diagnostics };
    if (wasEnforced) {
      this.enforcer.release([family]);
      this.retirePrepared([family]);
    }
    const warnings = [wasEnforced ? releasedWarning(family) : keptWarning(family)];
    return { ok: true, generation: 0, diagnostics: [], notes: [], warnings };
  }

  /** Notes that no generation of some families is in force any more. */
  private retirePrepared(families: readonly Family[]): void {
    const store = this.state.store();
    for (const { id, family, state } of store?.generations() ?? []) {
      if (state === 'prepared' && families.includes(family)) store!.retire(id);
    }
  }

  private zeroEnforced(family: Family, selection: ZeroSelection, shown: TableCounters | undefined): void {
    const installation = this.state.installation();
    const store = this.state.store();
    if (installation === undefined || store === undefined) return;
    finish({ kernel: this.kernel, store, installation, family });
    const found = this.state.found(family);
    if (found !== undefined) zeroSlots(store, installation, found, selection, shown);
  }

  private factsOf(family: Family): FamilyFacts {
    const lost = this.state.lost(family);
    const [found, undecided] =
      (lost === undefined
        ? this.state.inForce(family, (each, shown) => [each, shown().at(-1)!] as const)
        : undefined) ?? [];
    const isKept = lost === undefined && !this.state.isEnforced(family);
    const kept = isKept ? this.basis(family)?.ruleset : undefined;
    return { lost, found, undecided: undecided ?? ZERO, kept };
  }

  private requireLock(): void {
    if (!this.locked) throw new Error('engine: a change was asked for without the lock');
  }
}

function rulesOf({ chains }: Table): readonly Rule[] {
  return chains.flatMap(({ rules }) => rules);
}
