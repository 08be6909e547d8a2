// Memory of the virtual machine: numbered regions, each with its own bounds.
//
//   address, 64 bits:   region number:32   offset:32
//
// So arithmetic inside a region just works, pointers of different regions never meet, and 0 is NULL. The first page of
// region 0 reads as zeros and cannot be written: so does the kernel with a load through a null pointer to one of its
// structures (a fault that the exception table answers with 0).

/** 64 bits as two unsigned halves. */
export interface Word {
  readonly hi: number;
  readonly lo: number;
}

/**
 * A structure by the offsets of its 32-bit words, for aligned loads of 4 and 8 bytes. A word with an upper half is a
 * pointer that the verifier makes of a 4-byte load from a context.
 */
export type Fields = ReadonlyMap<number, Word>;

interface Region {
  readonly name: string;
  readonly size: number;
  readonly view: DataView;
  readonly writable: boolean;
  /** One byte per byte of the region, 1 once it holds something; others cannot be read. Accesses must be aligned. */
  readonly known: Uint8Array | undefined;
  readonly fields: Fields | undefined;
}

const NULL_PAGE = 4096;
const NO_BYTES = new DataView(new ArrayBuffer(0));

export class Memory {
  /** The halves of what the last `load` read, zero-extended. */
  hi = 0;
  lo = 0;
  private readonly regions: Region[] = [];

  constructor() {
    this.addStructure('NULL', new Map());
  }

  /** Adds a region over these bytes, which it shares, and returns its number. */
  add(name: string, bytes: Uint8Array, options: { writable?: boolean; known?: Uint8Array } = {}): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { writable = false, known } = options;
    return this.regions.push({ name, size: bytes.length, view, writable, known, fields: undefined }) - 1;
  }

  /** Adds a region that consists of nothing but these fields, read-only, and returns its number. */
  addStructure(name: string, fields: Fields): number {
    return this.regions.push({ name, size: 0, view: NO_BYTES, writable: false, known: undefined, fields }) - 1;
  }

  /** Reads `size` bytes into `hi` and `lo`; throws where the program must not. */
  load(size: number, hi: number, lo: number): void {
    const region = this.regions[hi];
    if (region === undefined || lo + size > region.size) {
      this.loadField(region, size, hi, lo);
      return;
    }
    if (region.known !== undefined) requireKnown(region, region.known, size, lo);
    const { view } = region;
    this.hi = size === 8 ? view.getUint32(lo + 4, true) : 0;
    if (size >= 4) this.lo = view.getUint32(lo, true);
    else this.lo = size === 2 ? view.getUint16(lo, true) : view.getUint8(lo);
  }

  /** Writes the lower `size` bytes of a value; throws where the program must not. */
  store(size: number, hi: number, lo: number, valueHi: number, valueLo: number): void {
    this.requireWritable(size, hi, lo);
    const region = this.regions[hi]!;
    const { view, known } = region;
    if (size === 8) view.setUint32(lo + 4, valueHi, true);
    if (size >= 4) view.setUint32(lo, valueLo, true);
    else if (size === 2) view.setUint16(lo, valueLo, true);
    else view.setUint8(lo, valueLo);
    if (known === undefined) return;
    requireAligned(region, size, lo);
    known.fill(1, lo, lo + size);
  }

  /** Throws unless `size` bytes can be written there. */
  requireWritable(size: number, hi: number, lo: number): void {
    const region = this.regions[hi];
    if (region === undefined || lo + size > region.size) throw this.outside('store', size, hi, lo);
    if (region.writable !== true) throw new Error(`store to ${region.name}, which is read-only`);
  }

  /** Reads from a structure, or from the null page. */
  private loadField(region: Region | undefined, size: number, hi: number, lo: number): void {
    const low = size >= 4 ? region?.fields?.get(lo) : undefined;
    const high = size === 8 ? region?.fields?.get(lo + 4) : undefined;
    if (size === 4 && low !== undefined) {
      this.hi = low.hi;
      this.lo = low.lo;
    } else if (low?.hi === 0 && high?.hi === 0) {
      this.hi = high.lo;
      this.lo = low.lo;
    } else if (hi === 0 && lo + size <= NULL_PAGE) {
      this.hi = 0;
      this.lo = 0;
    } else {
      throw this.outside('load', size, hi, lo);
    }
  }

  private outside(what: string, size: number, hi: number, lo: number): Error {
    // An address just below a region is a large offset in the one before.
    const offset = lo | 0;
    const region = this.regions[offset < 0 ? hi + 1 : hi];
    const extent = region?.fields === undefined ? `${region?.size} bytes` : 'its known members';
    const place = region === undefined ? 'at no address' : `outside of ${region.name} (${extent})`;
    return new Error(`${what} of ${size} bytes ${place}, offset ${offset}`);
  }
}

function requireKnown(region: Region, known: Uint8Array, size: number, lo: number): void {
  requireAligned(region, size, lo);
  for (let at = lo; at < lo + size; at++) {
    if (known[at] === 0)
      throw new Error(`load of ${size} bytes of ${region.name} at ${lo}: byte ${at} was never written`);
  }
}

function requireAligned(region: Region, size: number, lo: number): void {
  if ((lo & (size - 1)) !== 0) throw new Error(`access to ${size} bytes of ${region.name} at ${lo} is not aligned`);
}
