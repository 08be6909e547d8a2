// What there is of one network namespace, in the kernel and in the store, seen from a process that may stay while others
// come and go: whatever is kept here is looked at again before it is used.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Counters } from '../base/counters.ts';
import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import { StoreError } from '../store/errors.ts';
import { Store } from '../store/store.ts';
import { shownCounters } from './counters.ts';
import { mapReader } from './flip.ts';
import { type InForce, readGeneration } from './in-force.ts';
import { Installation, removeInstallation } from './installation.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, pinDirectoryName, storePath } from './layout.ts';
import { adoptState, releaseUnused } from './namespaces.ts';
import { InstallationError } from './pins.ts';

export class NamespaceState {
  readonly directories: Directories;
  readonly kernel: Kernel;
  readonly identity: NamespaceIdentity;
  /** The directory of all pins, by the way that leads there from here. */
  readonly root: string;
  /** Where this namespace's pins are. */
  readonly pins: string;
  private openStore: Store | undefined;
  private openInstallation: Installation | undefined;
  /** Of each family the generation that was looked at last. */
  private readonly known = new Map<Family, InForce>();

  /** Gives back what belongs to namespaces that are gone. */
  constructor(directories: Directories, kernel: Kernel) {
    this.directories = directories;
    this.kernel = kernel;
    this.identity = kernel.namespace();
    const { path, isReady } = kernel.findPinDirectory(directories.run);
    this.root = path;
    if (isReady) releaseUnused(directories, kernel, this.root, this.identity);
    this.pins = join(this.root, pinDirectoryName(this.identity.cookie, this.identity.inode));
  }

  /** Calls `work` with the generation of a family in force, and how to read its counters of this moment. */
  inForce<T>(family: Family, work: (found: InForce, shown: () => readonly Counters[]) => T): T | undefined {
    const installation = this.installation();
    if (installation === undefined) return undefined;
    for (;;) {
      const word = installation.generation(family);
      if (word === 0) return undefined;
      const found = this.found(family);
      const store = this.store();
      if (store === undefined || found === undefined) {
        if (installation.generation(family) !== word) continue;
        throw new InstallationError(this.lost(family) ?? 'the rules in force changed while they were read');
      }
      let isSame = true;
      const shown = (): readonly Counters[] => {
        const map = store.counterMap(found.counterMap);
        if (map === undefined) throw new InstallationError('the rules in force changed while they were read');
        const counters = shownCounters(map, mapReader(installation, family), (id) => store.counterMap(id));
        // A writer may have carried counters over while they were read.
        isSame = store.isCarrying(map.id) === (map.carry !== undefined);
        return counters;
      };
      const result = work(found, shown);
      if (installation.generation(family) === word && isSame) return result;
    }
  }

  /** The generation of a family in force, if the store knows it; of a change of placement the one that it leads to. */
  found(family: Family): InForce | undefined {
    const word = this.word(family);
    const store = this.store();
    if (word === 0 || store === undefined) return undefined;
    const named = this.generation(store, family, word);
    const next = named?.request.transitionTo;
    return next === undefined ? named : (this.generation(store, family, next) ?? named);
  }

  /** What has just come into force, and need not be read. */
  remember(found: InForce): void {
    this.known.set(found.family, found);
  }

  private generation(store: Store, family: Family, id: number): InForce | undefined {
    const known = this.known.get(family);
    if (known?.id === id && store.created(id) === known.created) return known;
    const read = readGeneration(store, id);
    if (read !== undefined) this.known.set(family, read);
    return read;
  }

  /** What to say where the kernel enforces rules of a family that the store knows nothing of, or cannot be read. */
  lost(family: Family): string | undefined {
    const word = this.word(family);
    try {
      const store = this.store();
      if (word === 0 || store?.created(word) !== undefined) return undefined;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const enforced = word === 0 ? '' : `the kernel enforces generation ${word} of ${FAMILY_NAME[family]}, but `;
      return `${enforced}${error.message}: ${error.remedy}`;
    }
    return (
      `the kernel enforces generation ${word} of ${FAMILY_NAME[family]}, of which the state directory ` +
      `${this.directories.state} knows nothing; apply the ruleset again`
    );
  }

  private word(family: Family): number {
    return this.installation()?.generation(family) ?? 0;
  }

  /** What is in the kernel, if anything is. */
  installation(): Installation | undefined {
    if (this.openInstallation?.isReplaced) {
      this.openInstallation.close();
      this.openInstallation = undefined;
    }
    this.openInstallation ??= Installation.open(this.kernel, this.pins);
    return this.openInstallation;
  }

  /** The same; where there is nothing, it is made, and nothing is in force. */
  ensureInstallation(): Installation {
    this.kernel.openPinDirectory(this.directories.run);
    this.openInstallation = this.installation() ?? Installation.create(this.kernel, this.pins);
    this.openInstallation.complete();
    return this.openInstallation;
  }

  /** Accepts every packet of some families again and takes all of ours out of the kernel that the others do not need. */
  release(families: readonly Family[]): void {
    const others = FAMILIES.filter((family) => !families.includes(family));
    if (others.some((family) => this.isEnforced(family))) {
      for (const family of families) this.installation()!.release(family);
      return;
    }
    removeInstallation(this.kernel, this.pins);
    this.openInstallation?.close();
    this.openInstallation = undefined;
  }

  /** Whether the kernel judges packets of the family by rules of ours. */
  isEnforced(family: Family): boolean {
    return this.word(family) !== 0;
  }

  /** The store of this namespace, if it has one. */
  store(): Store | undefined {
    const path = storePath(this.directories, this.identity.bootId, this.identity.cookie);
    // Not `existsSync`: it says of a directory that may not be read that nothing is there.
    const file = statSync(path, { throwIfNoEntry: false });
    if (this.openStore !== undefined && file?.ino !== this.openStore.inode) {
      this.openStore.close();
      this.openStore = undefined;
    }
    if (this.openStore === undefined && file !== undefined) this.openStore = Store.open(path);
    return this.openStore;
  }

  /** The same; where there is none, it is made. */
  storeForChange(): Store {
    const { directories, kernel, root, identity } = this;
    if (this.openStore?.unwritable !== undefined) {
      // It may be writable by now.
      this.openStore.close();
      this.openStore = undefined;
    }
    this.openStore = adoptState({ directories, kernel, root, identity }, this.store());
    return this.openStore;
  }

  close(): void {
    this.openInstallation?.close();
    this.openStore?.close();
  }
}
