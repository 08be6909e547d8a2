// Type information made by hand, or again of what was recorded of a kernel (`test/guest/record-types.ts`).

/** What a kernel or a module tells of some structures and functions. */
export interface RecordedTypes {
  /** By name; where each member is, in bytes. */
  readonly structs: Readonly<
    Record<string, { readonly size: number; readonly members: Readonly<Record<string, number>> }>
  >;
  readonly functions: readonly string[];
}

/** A hand-made BTF blob, or what a module adds to one. */
export class BtfBlob {
  private readonly words: number[] = [];
  private strings: string;
  private count: number;
  private readonly firstString: number;

  constructor(base?: BtfBlob) {
    this.count = base?.count ?? 0;
    this.firstString = base?.strings.length ?? 0;
    this.strings = base === undefined ? '\0' : '';
  }

  /** Where a string is that is known already, to be named by a module. */
  stringOf(text: string): number {
    return this.strings.indexOf(`\0${text}\0`) + 1;
  }

  /** Adds a type with the words behind its common ones, and returns its id. */
  type(name: string | number, kind: number, vlen: number, sizeOrType: number, ...rest: number[]): number {
    this.words.push(this.string(name), ((kind << 24) | vlen) >>> 0, sizeOrType, ...rest);
    return ++this.count;
  }

  /** Members are name, type and offset in bits. */
  aggregate(
    name: string,
    kind: 'struct' | 'union',
    size: number,
    members: [string | number, number, number][],
  ): number {
    const words = members.flatMap(([member, type, bits]) => [this.string(member), type, bits]);
    return this.type(name, kind === 'struct' ? 4 : 5, members.length, size, ...words);
  }

  bytes(): Uint8Array {
    const types = new Uint8Array(new Uint32Array(this.words).buffer);
    const header = new Uint8Array(
      new Uint32Array([0x1eb9f, 24, 0, types.length, types.length, this.strings.length]).buffer,
    );
    return Buffer.concat([header, types, Buffer.from(this.strings)]);
  }

  private string(text: string | number): number {
    if (typeof text === 'number') return text;
    if (text === '') return 0;
    this.strings += `${text}\0`;
    return this.firstString + this.strings.length - text.length - 1;
  }
}

/** The bytes of recorded types: those of a kernel, or what a module adds to them. */
export function blobOf({ structs, functions }: RecordedTypes, base?: BtfBlob): BtfBlob {
  const blob = new BtfBlob(base);
  const int = blob.type('int', 1, 0, 4, 32);
  for (const [name, { size, members }] of Object.entries(structs)) {
    blob.aggregate(
      name,
      'struct',
      size,
      Object.entries(members).map(([member, offset]) => [member, int, 8 * offset]),
    );
  }
  const prototype = blob.type('', 13, 0, int);
  for (const name of functions) blob.type(name, 12, 0, prototype);
  return blob;
}
