// What there is of one network namespace, in the kernel and in the store, seen from a process that may stay while others
// come and go: whatever is kept here is looked at again before it is used.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Counters } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import { Store } from '../store/store.ts';
import { shownCounters } from './counters.ts';
import { mapReader } from './flip.ts';
import { type InForce, readGeneration } from './in-force.ts';
import { Installation, InstallationError, removeInstallation } from './installation.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, pinDirectoryName, storePath } from './layout.ts';
import { adoptState, releaseUnused } from './namespaces.ts';

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
  /** The generation that was looked at last. */
  private known: InForce | undefined;

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

  /** Calls `work` with the generation in force, and how to read its counters of this moment. */
  inForce<T>(work: (found: InForce, shown: () => readonly Counters[]) => T): T | undefined {
    const installation = this.installation();
    if (installation === undefined) return undefined;
    for (;;) {
      const word = installation.generation;
      if (word === 0) return undefined;
      const found = this.found();
      const store = this.store();
      if (store === undefined || found === undefined) {
        if (installation.generation !== word) continue;
        throw new InstallationError(this.lost() ?? 'the rules in force changed while they were read');
      }
      let isSame = true;
      const shown = (): readonly Counters[] => {
        const map = store.counterMap(found.counterMap);
        if (map === undefined) throw new InstallationError('the rules in force changed while they were read');
        const counters = shownCounters(map, mapReader(installation), (id) => store.counterMap(id));
        // A writer may have carried counters over while they were read.
        isSame = store.isCarrying(map.id) === (map.carry !== undefined);
        return counters;
      };
      const result = work(found, shown);
      if (installation.generation === word && isSame) return result;
    }
  }

  /** The generation in force, if the store knows it; of a change of placement the one that it leads to. */
  found(): InForce | undefined {
    const word = this.installation()?.generation ?? 0;
    const store = this.store();
    if (word === 0 || store === undefined) return undefined;
    const named = this.generation(store, word);
    const next = named?.request.transitionTo;
    return next === undefined ? named : (this.generation(store, next) ?? named);
  }

  /** What has just come into force, and need not be read. */
  remember(found: InForce): void {
    this.known = found;
  }

  private generation(store: Store, id: number): InForce | undefined {
    if (this.known?.id === id && store.created(id) === this.known.created) return this.known;
    this.known = readGeneration(store, id) ?? this.known;
    return this.known?.id === id ? this.known : undefined;
  }

  /** What to say where the kernel enforces rules that the store knows nothing of. */
  lost(): string | undefined {
    const word = this.installation()?.generation ?? 0;
    if (word === 0 || this.store()?.created(word) !== undefined) return undefined;
    return (
      `the kernel enforces generation ${word}, of which the state directory ${this.directories.state} knows nothing; ` +
      'apply the ruleset again'
    );
  }

  /** What is in the kernel, if anything is. */
  installation(): Installation | undefined {
    // Where nothing is in force, another process may have taken everything away and begun anew.
    if (this.openInstallation?.generation === 0) {
      this.openInstallation.close();
      this.openInstallation = undefined;
    }
    this.openInstallation ??= Installation.open(this.kernel, this.pins);
    return this.openInstallation;
  }

  /** The same; where there is nothing, it is made, and nothing is in force. */
  ensureInstallation(): Installation {
    this.kernel.openPinDirectory(this.directories.run);
    this.openInstallation = this.installation() ?? Installation.ensure(this.kernel, this.pins);
    return this.openInstallation;
  }

  /** Accepts everything again and takes all that is ours out of the kernel. */
  removeInstallation(): void {
    removeInstallation(this.kernel, this.pins);
    this.openInstallation?.close();
    this.openInstallation = undefined;
  }

  /** Whether the kernel judges packets of the family by rules of ours. */
  isEnforced(family: Family): boolean {
    return family === 'ipv4' && (this.installation()?.generation ?? 0) !== 0;
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
    this.openStore = adoptState({ directories, kernel, root, identity }, this.store());
    return this.openStore;
  }

  close(): void {
    this.openInstallation?.close();
    this.openStore?.close();
  }
}
