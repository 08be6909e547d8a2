// What an image has become in the kernel, and what of it a process that stays uses again.
//
// A change of a few rules nearly always leaves the code as it is and changes tables alone. Then nothing need be verified:
// of the generations that came last, one is in force, and the *spare* ones before it have programs that the word does not
// name. Once a grace period has passed since the flip no packet is in them, so their tables can
// be written anew, and they come into force as a new generation by the protocol of `flip.ts`, no step of which is left out.
// There are a few of them, as changes that are made and taken back come to the same code again.
//
// What is written to spare tables is seen by nobody until the word is stored: whatever fails before, or stops the
// process, leaves the generation in force with its own programs and tables. The spare is used only where the kernel's
// word still names the generation that this very process has brought into force last; else others may have put programs
// into slots since, and all is loaded anew.

import { isDeepStrictEqual } from 'node:util';
import type { MapDefinition } from '../bpf/image.ts';
import type { Image } from '../codegen/compile.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import type { CounterPlan } from './generation-row.ts';
import type { InForce } from './in-force.ts';
import type { Descriptor, Kernel } from './kernel.ts';

/** The programs of an image, and the maps that were made for them. */
export interface LoadedImage {
  readonly programs: ReadonlyMap<DispatchPoint, Descriptor>;
  readonly maps: ReadonlyMap<string, Descriptor>;
}

/** Has the kernel make and verify an image's maps and programs; `shared` are maps that are there already. */
export function loadImage(kernel: Kernel, image: Image, shared: ReadonlyMap<string, Descriptor>): LoadedImage {
  const maps = new Map<string, Descriptor>();
  const programs = new Map<DispatchPoint, Descriptor>();
  try {
    for (const definition of image.maps) {
      if (!shared.has(definition.name)) maps.set(definition.name, kernel.createMap(definition));
    }
    const all = new Map([...shared, ...maps]);
    for (const { point, program } of image.programs) programs.set(point, kernel.loadProgram(program, all));
    return { programs, maps };
  } catch (error) {
    closeImage(kernel, { programs, maps });
    throw error;
  }
}

/** Closes the descriptors; the kernel keeps what is in slots or pinned. */
export function closeImage(kernel: Kernel, { programs, maps }: LoadedImage): void {
  for (const object of [...programs.values(), ...maps.values()]) kernel.close(object);
}

/** Where an image is to count: in a map that is in use, with its number, or in one of its own. */
type CountersInUse = Pick<CounterPlan, 'from' | 'shared'>;

interface Kept {
  readonly inForce: InForce;
  readonly programs: Image['programs'];
  readonly maps: readonly MapDefinition[];
  readonly loaded: LoadedImage;
}

/** Generations whose programs are kept beside those in force. */
const MOST_SPARE = 3;

/** What was loaded for the generations of a family that this process has brought into force last. */
export class LoadedImages {
  private readonly kernel: Kernel;
  private current: Kept | undefined;
  /** The one before the current first. */
  private spares: readonly Kept[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /**
   * Spare programs that are those of the image, and count where it is to count: in a `counters` map that is there.
   * `inForce` is the generation that the kernel's word names. Tables are still those of before.
   */
  usable(image: Image, counters: CountersInUse, inForce: InForce | undefined): LoadedImage | undefined {
    if (inForce === undefined || inForce !== this.current?.inForce) this.forget();
    const definitions = image.maps.map(withoutContents);
    if (!image.maps.every((each) => counters.shared.has(each.name) || isRewritable(each))) return undefined;
    return this.spares.find(
      (spare) =>
        spare.inForce.counterMap === counters.from &&
        isDeepStrictEqual(spare.maps, definitions) &&
        spare.programs.length === image.programs.length &&
        spare.programs.every((each, i) => isSame(each, image.programs[i]!)),
    )?.loaded;
  }

  /** Writes the tables of an image into the maps of the spare programs. No packet may be in these any more. */
  refill({ maps }: LoadedImage, image: Image): void {
    for (const definition of image.maps) {
      const map = maps.get(definition.name);
      if (map !== undefined && isRewritable(definition)) this.kernel.rewriteMap(map, definition);
    }
  }

  /** Keeps what has come into force in place of the generation `before`. */
  keep(loaded: LoadedImage, image: Image, inForce: InForce, before: InForce | undefined): void {
    if (this.current?.inForce !== before) this.forget();
    const others = this.spares.filter((spare) => spare.loaded !== loaded);
    const spares = this.current === undefined ? others : [this.current, ...others];
    for (const spare of spares.slice(MOST_SPARE)) closeImage(this.kernel, spare.loaded);
    this.spares = spares.slice(0, MOST_SPARE);
    this.current = { inForce, programs: image.programs, maps: image.maps.map(withoutContents), loaded };
  }

  /** Whether a later generation may use it. */
  has(loaded: LoadedImage): boolean {
    return this.all().some((kept) => kept.loaded === loaded);
  }

  forget(): void {
    for (const kept of this.all()) closeImage(this.kernel, kept.loaded);
    this.current = undefined;
    this.spares = [];
  }

  private all(): readonly Kept[] {
    return this.current === undefined ? this.spares : [this.current, ...this.spares];
  }
}

function withoutContents({ contents: _, ...definition }: MapDefinition): MapDefinition {
  return definition;
}

/** Whether all of a map is written anew with its contents: not what programs remember in it of packets. */
function isRewritable({ contents, maxEntries, valueSize }: MapDefinition): boolean {
  return maxEntries === 1 && contents?.length === valueSize;
}

type PointProgram = Image['programs'][number];

function isSame(a: PointProgram, b: PointProgram): boolean {
  const { instructions, lines, ...what } = a.program;
  const { instructions: otherInstructions, lines: otherLines, ...otherWhat } = b.program;
  return (
    a.point === b.point &&
    isDeepStrictEqual(what, otherWhat) &&
    areEqual(instructions, otherInstructions) &&
    areSameLines(lines, otherLines)
  );
}

/** Whether instructions come of the same rules; the file's name is that of the last change alone. */
function areSameLines(a: PointProgram['program']['lines'], b: PointProgram['program']['lines']): boolean {
  return (
    a.length === b.length &&
    a.every(({ instruction, line, column, text }, i) => {
      const other = b[i]!;
      return instruction === other.instruction && line === other.line && column === other.column && text === other.text;
    })
  );
}

/** Whether two lists have equal elements, which are objects of plain values, but for a few. */
function areEqual(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((each, i) => hasAllOf(each, b[i]!) || isDeepStrictEqual(each, b[i]));
}

/** Whether two objects have the same keys with the same values. */
function hasAllOf(a: object, b: object): boolean {
  for (const key in a) if (a[key as keyof object] !== b[key as keyof object]) return false;
  for (const key in b) if (!(key in a)) return false;
  return true;
}
