// Which namespace owns what, and giving back what nobody owns any more.
//
// Pinned netfilter links keep a namespace and its devices alive after its last user has gone. So every command looks
// for pins of namespaces that nothing else refers to and removes them. A namespace with a name (`init`, or one under
// /run/netns) is the same to its administrator after a reboot, though its cookie is another: its state is taken over.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FAMILIES } from '../base/family.ts';
import { LockError } from '../kernel/errors.ts';
import { StoreError } from '../store/errors.ts';
import { Store } from '../store/store.ts';
import { removeInstallation } from './installation.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, lockPath, ownerOfPins, pinDirectoryName, stateKey, storePath } from './layout.ts';

export interface StateContext {
  readonly directories: Directories;
  readonly kernel: Kernel;
  /** The directory of all pins. */
  readonly root: string;
  readonly identity: NamespaceIdentity;
}

/** Makes sure that the store of a namespace exists and says whose it is; `open` is that store if it is open already. */
export function adoptState(context: StateContext, open?: Store): Store {
  const { directories, identity } = context;
  const path = storePath(directories, identity.bootId, identity.cookie);
  if (open === undefined && !existsSync(path)) {
    takeOver(directories, identity, path);
    removeUnusedStates(context);
  }
  const store = open ?? Store.open(path);
  try {
    if (store.meta('cookie') === identity.cookie && store.meta('bootId') === identity.bootId) return store;
    store.transaction(() => {
      store.setMeta('cookie', identity.cookie);
      store.setMeta('inode', identity.inode);
      store.setMeta('bootId', identity.bootId);
      if (identity.name !== undefined) store.setMeta('name', identity.name);
      for (const { id, state } of store.generations()) if (state === 'prepared') store.retire(id);
      for (const family of FAMILIES) store.forget(family);
    });
    return store;
  } catch (error) {
    if (open === undefined) store.close();
    throw error;
  }
}

/**
 * Moves the state that a namespace of the same name left before the last boot to where this one's belongs, and removes
 * what nameless ones left: they do not come back.
 */
function takeOver(directories: Directories, identity: NamespaceIdentity, path: string): void {
  const earlier = listStates(directories).filter((state) => state.bootId !== identity.bootId);
  const own = earlier.find((state) => identity.name !== undefined && state.name === identity.name);
  if (own !== undefined) renameSync(join(directories.state, own.key), dirname(path));
  for (const { key, name } of earlier) if (name === undefined) removeState(directories, key);
}

/** Removes what namespaces of this boot left that are gone and have no pins: rules that were kept, not enforced. */
function removeUnusedStates({ directories, kernel, root, identity }: StateContext): void {
  for (const { key, bootId, cookie, inode } of listStates(directories)) {
    if (bootId !== identity.bootId || existsSync(join(root, pinDirectoryName(cookie, inode)))) continue;
    if (kernel.isNamespaceInUse(cookie, inode)) continue;
    removeState(directories, key);
    rmSync(lockPath(root, cookie), { force: true });
  }
}

export interface NamespaceState {
  /** Name of its directory. */
  readonly key: string;
  readonly cookie: string;
  readonly inode: string;
  readonly bootId: string;
  readonly name?: string;
}

/** Everything readable in the state directory that belongs to a namespace. */
export function listStates(directories: Directories): NamespaceState[] {
  if (!existsSync(directories.state)) return [];
  return readdirSync(directories.state).flatMap((key) => {
    const path = join(directories.state, key, 'store.sqlite');
    if (!existsSync(path)) return [];
    try {
      return [readState(key, path)].filter((state) => state !== undefined);
    } catch (error) {
      if (error instanceof StoreError) return []; // another namespace's damage is not this one's
      throw error;
    }
  });
}

function readState(key: string, path: string): NamespaceState | undefined {
  const store = Store.open(path);
  try {
    const [cookie, inode, bootId] = [store.meta('cookie'), store.meta('inode'), store.meta('bootId')];
    const name = store.meta('name');
    if (cookie === undefined || inode === undefined || bootId === undefined) return undefined;
    return { key, cookie, inode, bootId, ...(name === undefined ? {} : { name }) };
  } finally {
    store.close();
  }
}

function removeState(directories: Directories, key: string): void {
  rmSync(join(directories.state, key), { recursive: true, force: true });
}

/**
 * Removes pins and state of namespaces that nothing but our pins refers to. One command does it at a time; others need
 * not wait for it.
 */
export function releaseUnused(directories: Directories, kernel: Kernel, root: string, own: NamespaceIdentity): void {
  const others = readdirSync(root)
    .map((name) => ({ name, owner: ownerOfPins(name) }))
    .filter(({ owner }) => owner !== undefined && owner.cookie !== own.cookie);
  if (others.length === 0) return;
  const release = tryLock(kernel, lockPath(root, 'release'));
  if (release === undefined) return;
  try {
    for (const { name, owner } of others) {
      const { cookie, inode } = owner!;
      if (kernel.isNamespaceInUse(cookie, inode)) continue;
      removeInstallation(kernel, join(root, name));
      removeState(directories, stateKey(own.bootId, cookie));
      rmSync(lockPath(root, cookie), { force: true });
    }
  } finally {
    release();
  }
}

function tryLock(kernel: Kernel, path: string): (() => void) | undefined {
  try {
    return kernel.lock(path, 0);
  } catch (error) {
    if (error instanceof LockError) return undefined;
    throw error;
  }
}
