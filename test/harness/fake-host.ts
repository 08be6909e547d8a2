// A host of the engine's tests: a fake kernel and directories of its own, and engines as processes would open them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/types.ts';
import { FakeKernel } from './fake-kernel.ts';

export class FakeHost {
  readonly directory = mkdtempSync(join(tmpdir(), 'bpfilter-host-'));
  kernel = new FakeKernel();
  private readonly opened: Engine[] = [];

  /** As another process would. */
  open(): Engine {
    const { directory } = this;
    const engine = openEngine({ run: join(directory, 'run'), state: join(directory, 'state') }, this.kernel);
    this.opened.push(engine);
    return engine;
  }

  closeEngines(): void {
    for (const engine of this.opened.splice(0)) engine.close();
  }

  /** Begins anew, with nothing in kernel and directories. */
  renew(): void {
    this.remove();
    this.kernel = new FakeKernel();
  }

  /** Closes all engines, and takes the directories away. */
  remove(): void {
    this.closeEngines();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
