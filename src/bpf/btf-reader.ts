// Reads the kernel's own type information (Documentation/bpf/btf.rst), as far as offsets and ids go.
//
// A kernel has some hundred thousand types in several megabytes, and a command asks for a dozen of them: one pass notes
// where each type begins, and everything else is read when asked for. A name is found by comparing bytes, type by type.
//
// What a module adds is split from the kernel's: its type ids go on behind the kernel's last, its string offsets behind
// the kernel's strings, and its types may name the kernel's.

const MAGIC = 0xeb9f;
const HEADER_SIZE = 24;

/** Kinds of types that something here looks for. */
const KIND = { struct: 4, union: 5, func: 12 } as const;

/** Words that follow the three common ones of a type, by kind: a fixed number, and so many for each element. */
const FIXED_WORDS = new Uint8Array(32);
const ELEMENT_WORDS = new Uint8Array(32);
FIXED_WORDS[1] = 1; // int
FIXED_WORDS[3] = 3; // array
ELEMENT_WORDS[KIND.struct] = 3;
ELEMENT_WORDS[KIND.union] = 3;
ELEMENT_WORDS[6] = 2; // enum
ELEMENT_WORDS[13] = 2; // func_proto
FIXED_WORDS[14] = 1; // var
ELEMENT_WORDS[15] = 3; // datasec
FIXED_WORDS[17] = 1; // decl_tag
ELEMENT_WORDS[19] = 3; // enum64

/** typedef, volatile, const, restrict, type_tag: names for another type. */
const ALIASES: ReadonlySet<number> = new Set([8, 9, 10, 11, 18]);

const kindOf = (info: number): number => (info >>> 24) & 31;
const elementsOf = (info: number): number => info & 0xffff;

export class BtfReader {
  /** The type section: name offset, info and size or type of each type, then what its kind adds. */
  private readonly types: Uint32Array;
  private readonly strings: Buffer;
  /** Where each type begins in `types`, by id less `firstId`; of a base, id 0 is void. */
  private readonly starts: Uint32Array;
  /** Of a module: what its types go on from, and the first id and string offset that are its own. */
  private readonly base: BtfReader | undefined;
  private readonly firstId: number;
  private readonly firstString: number;
  /** Ids that were found, by kind and name. */
  private readonly known = new Map<string, number>();

  /** `base` is the kernel's own, where the bytes are a module's. Throws where they are not BTF. */
  constructor(bytes: Uint8Array, base?: BtfReader) {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (data.length < HEADER_SIZE || data.readUInt16LE(0) !== MAGIC) throw new Error('not BTF: no magic number');
    const body = data.readUInt32LE(4);
    const section = (field: number): Buffer => {
      const start = body + data.readUInt32LE(field);
      const end = start + data.readUInt32LE(field + 4);
      if (end > data.length) throw new Error('not BTF: a section ends behind the end');
      return data.subarray(start, end);
    };
    this.types = wordsOf(section(8));
    this.strings = section(16);
    this.base = base;
    this.firstId = base === undefined ? 0 : base.firstId + base.starts.length;
    this.firstString = base === undefined ? 0 : base.firstString + base.strings.length;
    // Only the kernel has void.
    this.starts = findStarts(this.types).subarray(base === undefined ? 0 : 1);
  }

  /** Id of a structure, of a module or else of the kernel, or `undefined`; the same holds for what else is looked for. */
  structId(name: string): number | undefined {
    return this.find(KIND.struct, name);
  }

  /** Bytes of a structure, or `undefined` where there is none of the name. */
  structSize(name: string): number | undefined {
    const id = this.structId(name);
    if (id === undefined) return undefined;
    return id < this.firstId ? this.base!.structSize(name) : this.types[this.startOf(id) + 2]!;
  }

  /** Id of a function, or `undefined`. */
  functionId(name: string): number | undefined {
    return this.find(KIND.func, name);
  }

  /**
   * Offset of a structure's member in bytes, looked for in its anonymous members too; `undefined` where the structure
   * or the member is not there, or is a bit field that begins within a byte.
   */
  memberOffset(struct: string, member: string): number | undefined {
    const id = this.structId(struct);
    const bits = id === undefined ? undefined : this.memberBitsOf(id, terminated(member));
    return bits === undefined || bits % 8 !== 0 ? undefined : bits / 8;
  }

  private find(kind: number, name: string): number | undefined {
    const key = `${kind} ${name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const found = this.search(kind, name) ?? this.base?.find(kind, name);
    if (found !== undefined) this.known.set(key, found);
    return found;
  }

  private search(kind: number, name: string): number | undefined {
    const wanted = terminated(name);
    const { types, starts } = this;
    for (let index = this.base === undefined ? 1 : 0; index < starts.length; index++) {
      const start = starts[index]!;
      if (kindOf(types[start + 1]!) === kind && this.isNamed(types[start]!, wanted)) return this.firstId + index;
    }
    return undefined;
  }

  private startOf(id: number): number {
    return this.starts[id - this.firstId]!;
  }

  private memberBits(start: number, wanted: Buffer): number | undefined {
    const info = this.types[start + 1]!;
    const hasBitFields = info >>> 31 === 1;
    for (let i = 0; i < elementsOf(info); i++) {
      const at = start + 3 + 3 * i;
      const name = this.types[at]!;
      const raw = this.types[at + 2]!;
      const bits = hasBitFields ? raw & 0xffffff : raw;
      if (this.isNamed(name, wanted)) return bits;
      if (name !== 0) continue;
      const found = this.memberBitsOf(this.types[at + 1]!, wanted);
      if (found !== undefined) return bits + found;
    }
    return undefined;
  }

  /** The same for what an id stands for, here or in the base, if that has members. */
  private memberBitsOf(id: number, wanted: Buffer): number | undefined {
    if (id < this.firstId) return this.base!.memberBitsOf(id, wanted);
    const start = this.startOf(id);
    const kind = kindOf(this.types[start + 1]!);
    if (ALIASES.has(kind)) return this.memberBitsOf(this.types[start + 2]!, wanted);
    return kind === KIND.struct || kind === KIND.union ? this.memberBits(start, wanted) : undefined;
  }

  /** Whether the string at an offset is this one, which ends in NUL. */
  private isNamed(offset: number, wanted: Buffer): boolean {
    if (offset < this.firstString) return this.base!.isNamed(offset, wanted);
    const { strings } = this;
    const start = offset - this.firstString;
    for (let i = 0; i < wanted.length; i++) if (strings[start + i] !== wanted[i]) return false;
    return true;
  }
}

/** Copied where they are not aligned to words in memory. */
function wordsOf(bytes: Buffer): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / 4));
}

function terminated(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'latin1');
}

function findStarts(types: Uint32Array): Uint32Array {
  // A type takes three words at least.
  const starts = new Uint32Array(1 + Math.floor(types.length / 3));
  let count = 1;
  for (let at = 0; at + 2 < types.length; count++) {
    starts[count] = at;
    const info = types[at + 1]!;
    const kind = kindOf(info);
    at += 3 + FIXED_WORDS[kind]! + ELEMENT_WORDS[kind]! * elementsOf(info);
  }
  return starts.subarray(0, count);
}
