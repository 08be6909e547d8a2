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

export interface RegionOptions {
  readonly writable?: boolean;
  /** One byte per byte of the region, 1 once it holds something. Others cannot be read; accesses must be aligned. */
  readonly known?: Uint8Array;
  /** The region is a context that the verifier translates: only these 4-byte loads exist, by offset. */
  readonly fields?: ReadonlyMap<number, Word>;
}

interface Region extends RegionOptions {
  readonly name: string;
  readonly size: number;
  readonly view: DataView;
}

const NULL_PAGE = 4096;

export class Memory {
  /** The halves of what the last `load` read, zero-extended. */
  hi = 0;
  lo = 0;
  private readonly regions: Region[] = [regionOf('NULL', new Uint8Array(), {})];

  /** Adds a region over these bytes, which it shares, and returns its number. */
  add(name: string, bytes: Uint8Array, options: RegionOptions = {}): number {
    this.regions.push(regionOf(name, bytes, options));
    return this.regions.length - 1;
  }

  /** Reads `size` bytes into `hi` and `lo`; throws where the program must not. */
  load(size: number, hi: number, lo: number): void {
    const region = this.regions[hi];
    if (region === undefined || lo + size > region.size) {
      this.loadSpecial(region, size, hi, lo);
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

  /** What a translated context holds, and the null page. */
  private loadSpecial(region: Region | undefined, size: number, hi: number, lo: number): void {
    const field = size === 4 ? region?.fields?.get(lo) : undefined;
    if (field === undefined && (hi !== 0 || lo + size > NULL_PAGE)) throw this.outside('load', size, hi, lo);
    this.hi = field?.hi ?? 0;
    this.lo = field?.lo ?? 0;
  }

  private outside(what: string, size: number, hi: number, lo: number): Error {
    // An address just below a region is a large offset in the one before.
    const offset = lo | 0;
    const region = this.regions[offset < 0 ? hi + 1 : hi];
    const place = region === undefined ? 'at no address' : `outside of ${region.name} (${region.size} bytes)`;
    return new Error(`${what} of ${size} bytes ${place}, offset ${offset}`);
  }
}

function regionOf(name: string, bytes: Uint8Array, options: RegionOptions): Region {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    name,
    size: bytes.length,
    view,
    writable: options.writable ?? false,
    ...(options.known === undefined ? {} : { known: options.known }),
    ...(options.fields === undefined ? {} : { fields: options.fields }),
  };
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
