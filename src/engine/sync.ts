// `bpfilter sync`: rules in force whose early verdicts rest on what is there no more get the words of now, or are compiled
// anew; devices that had no program get one.

import type { Family } from '../base/family.ts';
import { readBasis } from './current.ts';
import { areFit, attachMissing } from './devices.ts';
import { earlyNotes } from './early-ground.ts';
import { currentGround, syncGuards } from './early-sync.ts';
import type { NamespaceState } from './namespace-state.ts';
import { InstallationError } from './pins.ts';
import type { ApplyRequest, ApplyResult, SyncResult } from './types.ts';

const NOTHING_TO_SAY: SyncResult = { ok: true, notes: [], warnings: [] };

/** See `Engine.sync`; `apply` brings the same rules into force again. */
export function syncFamily(
  state: NamespaceState,
  family: Family,
  apply: (request: ApplyRequest) => ApplyResult,
): SyncResult {
  const lost = state.lost(family);
  if (lost !== undefined) throw new InstallationError(lost);
  const found = state.found(family);
  const installation = state.installation();
  if (found?.request.placement !== 'exact' || installation === undefined) return NOTHING_TO_SAY;
  const { kernel } = state;
  const { request, manifest } = found;
  // Devices that could not be served may be fit by now.
  const isFit = areFit(request, kernel);
  if (manifest.early === undefined) {
    if (!isFit && request.ifindexes.length === 0) return NOTHING_TO_SAY;
    const ground = currentGround(kernel, family, request.early);
    if ('why' in ground) return { ...NOTHING_TO_SAY, notes: earlyNotes(ground, undefined) };
  } else if (!isFit) {
    const notes = attachMissing(request, family, kernel, installation.links);
    if (syncGuards({ kernel, installation, family }, manifest.early) === undefined) return { ...NOTHING_TO_SAY, notes };
  }
  const before = readBasis(state, family)!;
  const { generation: _, ...same } = before;
  const result = apply({ ...same, source: { file: found.sourceFile }, before, counters: 'kept' });
  if (result.ok) return { ok: true, notes: result.notes, warnings: result.warnings };
  const refused = 'the rules in force cannot be compiled anew, and stay as they are, without early verdicts until then';
  return { ok: false, notes: [], warnings: result.diagnostics.map(({ message }) => `${refused}: ${message.trim()}`) };
}
