// The layers of ARCHITECTURE.md: what each folder may import. Arrows go down only.

import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesUnder } from './files.ts';

/** Every folder may import itself and Node's own modules besides. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  grammar: ['moo', 'nearley'],
  base: [],
  extensions: ['grammar', 'base'],
  ruleset: ['grammar', 'base', 'extensions'],
  reference: ['base', 'extensions', 'ruleset'],
  graph: ['base', 'extensions', 'ruleset'],
  passes: ['base', 'graph'],
  classify: ['base', 'graph'],
  bpf: ['base'],
  codegen: ['base', 'graph', 'classify', 'bpf'],
  kernel: ['base', 'bpf', 'koffi'],
  store: ['base', 'better-sqlite3'],
  engine: ['base', 'extensions', 'ruleset', 'graph', 'passes', 'classify', 'bpf', 'codegen', 'kernel', 'store'],
  cli: [
    'base',
    'extensions',
    'ruleset',
    'graph',
    'passes',
    'classify',
    'bpf',
    'codegen',
    'kernel',
    'store',
    'engine',
  ].concat('commander', 'zod'),
};

/** Layers that see no machine. */
const PURE = ['grammar', 'base', 'extensions', 'ruleset', 'reference', 'graph', 'passes', 'classify', 'bpf', 'codegen'];

const layerOf = (path: string): string => path.split('/')[path.startsWith('src/') ? 1 : 0]!;

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:^(?:import|export)\b.*\bfrom|^\} from|^import|\bimport\(|\brequire\()\s*'([^']+)'/gm);
  return [...found].map((match) => match[1]!);
}

const imports = ['src', 'grammar'].flatMap((root) =>
  filesUnder(root, '.ts').flatMap((file) => importsOf(file).map((name) => ({ file, name }))),
);

describe('layers', () => {
  it('finds the imports', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(new Set(imports.map(({ file }) => layerOf(file)))).toEqual(new Set(Object.keys(MAY_IMPORT)));
  });

  it('import only what lies below', () => {
    const wrong = imports.filter(({ file, name }) => {
      if (name.startsWith('node:')) return false;
      const target = name.startsWith('.') ? layerOf(normalize(join(dirname(file), name))) : name;
      return target !== layerOf(file) && !MAY_IMPORT[layerOf(file)]!.includes(target);
    });
    expect(wrong).toEqual([]);
  });

  it('touch the machine only from the kernel edge on', () => {
    const users = imports.filter(({ file, name }) => PURE.includes(layerOf(file)) && name.startsWith('node:'));
    // The machine's names of services, protocols and the like, which are handed to the parser as data; and how kernel,
    // store and engine, which may not import each other, make directories.
    expect(users.map(({ file, name }) => `${file} ${name}`).sort()).toEqual([
      'src/base/directory.ts node:fs',
      'src/base/directory.ts node:path',
      'src/ruleset/name-tables.ts node:fs',
      'src/ruleset/names.ts node:fs',
    ]);
  });

  it('make directories only from the kernel edge on', () => {
    const users = imports.filter(({ name }) => name.endsWith('/base/directory.ts'));
    expect(new Set(users.map(({ file }) => layerOf(file)))).toEqual(new Set(['kernel', 'store', 'engine']));
  });
});
