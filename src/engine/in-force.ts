// The ruleset of a family in force, as the store has it. A process that stays keeps what it has read, or has brought into force itself:
// a generation never changes, so it holds for as long as kernel and store name the same one.

import type { Family } from '../base/family.ts';
import type { Manifest } from '../codegen/manifest.ts';
import type { SlotPlan } from '../graph/slots.ts';
import type { Ruleset } from '../ruleset/model.ts';
import type { Generation, Store } from '../store/store.ts';
import type { CounterLayout } from './counters.ts';
import type { StoredRequest } from './flip.ts';
import { readPlan, type StoredSlots } from './slots.ts';
import { readStored } from './stored-text.ts';

/** What the row of a generation says of its programs; of the counter map, the map's row does. */
export type StoredManifest = Omit<Manifest, keyof CounterLayout> &
  StoredSlots & {
    /** Digest of what early verdicts rest on (`early-ground.ts`); absent where there are none. */
    readonly early?: string;
  };

export class InForce {
  readonly id: number;
  readonly family: Family;
  readonly created: string;
  readonly sourceFile: string;
  readonly request: StoredRequest;
  readonly manifest: StoredManifest;
  /** Number of the counter map. */
  readonly counterMap: number;
  readonly layout: CounterLayout;
  readonly plan: SlotPlan;
  private parsed: Ruleset | undefined;

  constructor(row: Omit<Generation, 'state' | 'slots'>, layout: CounterLayout, plan: SlotPlan, ruleset?: Ruleset) {
    this.id = row.id;
    this.family = row.family;
    this.created = row.created;
    this.sourceFile = row.sourceFile;
    this.request = row.request as StoredRequest;
    this.manifest = row.manifest as StoredManifest;
    this.counterMap = row.counterMap;
    this.layout = layout;
    this.plan = plan;
    this.parsed = ruleset;
  }

  /** The ruleset as it came into force; throws where the store's text cannot be read. */
  ruleset(store: Store): Ruleset {
    this.parsed ??= readStored(this.text(store), this.sourceFile, this.family);
    return this.parsed;
  }

  /** The same, unless it is known anyway, without the user chains and the rules of some tables. */
  outline(store: Store, replaced: ReadonlySet<string>): Ruleset {
    return this.parsed ?? readStored(this.text(store), this.sourceFile, this.family, replaced);
  }

  private text(store: Store): string {
    const text = store.text(this.id);
    if (text === undefined) throw new Error(`the store has no text of generation ${this.id}`);
    return text;
  }
}

/** Reads a generation; `undefined` where the store does not have it. */
export function readGeneration(store: Store, id: number): InForce | undefined {
  const row = store.generation(id);
  const layout = row && (store.counterMap(row.counterMap)?.layout as CounterLayout | undefined);
  if (row === undefined || layout === undefined) return undefined;
  return new InForce(row, layout, readPlan(row.manifest as StoredManifest, row.slots, layout.capacity));
}
