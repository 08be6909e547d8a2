// Which namespace owns what, and giving back what nobody owns any more.
//
// Pinned netfilter links keep a namespace and its devices alive after its last user has gone. So every command looks
// for pins of namespaces that nothing else refers to and removes them. A namespace with a name (`init`, or one under
// /run/netns) is the same to its administrator after a reboot, though its cookie is another: its state is taken over.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Store } from '../store/store.ts';
import { removeInstallation } from './installation.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, stateKey, storePath } from './layout.ts';

/** Makes sure that the store of a namespace exists and says whose it is. */
export function adoptState(directories: Directories, identity: NamespaceIdentity): void {
  const path = storePath(directories, identity.bootId, identity.cookie);
  if (!existsSync(path)) takeOver(directories, identity, path);
  const store = Store.open(path);
  try {
    if (store.meta('cookie') === identity.cookie && store.meta('bootId') === identity.bootId) return;
    store.transaction(() => {
      store.setMeta('cookie', identity.cookie);
      store.setMeta('inode', identity.inode);
      store.setMeta('bootId', identity.bootId);
      if (identity.name !== undefined) store.setMeta('name', identity.name);
      for (const { id, state } of store.generations()) if (state === 'prepared') store.retire(id);
    });
  } finally {
    store.close();
  }
}

/** Moves the state that a namespace of the same name left before the last boot to where this one's belongs. */
function takeOver(directories: Directories, identity: NamespaceIdentity, path: string): void {
  if (identity.name === undefined) return;
  const old = listStates(directories).find((state) => state.name === identity.name && state.bootId !== identity.bootId);
  if (old !== undefined) renameSync(join(directories.state, old.key), dirname(path));
}

export interface NamespaceState {
  /** Name of its directory. */
  readonly key: string;
  readonly cookie: string;
  readonly inode: string;
  readonly bootId: string;
  readonly name?: string;
}

/** Everything in the state directory that belongs to a namespace. */
export function listStates(directories: Directories): NamespaceState[] {
  if (!existsSync(directories.state)) return [];
  return readdirSync(directories.state).flatMap((key) => {
    const path = join(directories.state, key, 'store.sqlite');
    if (!existsSync(path)) return [];
    const store = Store.open(path);
    try {
      const name = store.meta('name');
      const [cookie, inode, bootId] = [store.meta('cookie'), store.meta('inode'), store.meta('bootId')];
      if (cookie === undefined || inode === undefined || bootId === undefined) return [];
      return [{ key, cookie, inode, bootId, ...(name === undefined ? {} : { name }) }];
    } finally {
      store.close();
    }
  });
}

/** Removes pins and state of namespaces of this boot that nothing but our pins refers to. */
export function releaseUnused(directories: Directories, kernel: Kernel, root: string, own: NamespaceIdentity): void {
  if (!existsSync(root)) return;
  const others = readdirSync(root).filter((cookie) => cookie !== own.cookie);
  if (others.length === 0) return;
  const states = listStates(directories).filter((state) => state.bootId === own.bootId);
  for (const cookie of others) {
    const state = states.find((s) => s.cookie === cookie);
    if (state === undefined || kernel.isNamespaceInUse(cookie, state.inode)) continue;
    removeInstallation(kernel, join(root, cookie));
    rmSync(join(directories.state, stateKey(state.bootId, cookie)), { recursive: true, force: true });
  }
}
