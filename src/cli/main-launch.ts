// What the file dist/iptables-bpf.cjs does: runs the bundle of the compatible commands that lies beside it. The version,
// which scripts ask for before they do anything, is said without it.
//
// Node reads and compiles a main module anew in every process. V8 can be given what it made of a text before, its code
// cache; the build writes one beside the bundle. V8 takes it only in the same version with the same flags; in any other
// the bundle is compiled as usual, some milliseconds later.
//
// Of the text V8 compares the length only. So the bundle begins with its own digest in a comment and the cache with the
// same digest: a cache of another build is left alone. The bundle is the text of one function and holds ASCII only, so
// that it is read without decoding.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';
import { writeWhole } from './output.ts';
import { versionLine } from './version.ts';

const COMMENT = '/*';
/** SHA-256 in hexadecimal digits. */
const DIGEST = 64;

const asked = askedForVersion(process.argv);
if (asked === undefined) runBundle();
else sayVersion(asked);

/** The command's name without `-bpf`, if the version is all that it is asked for. */
function askedForVersion([, path = '', ...words]: readonly string[]): string | undefined {
  if (words.length !== 1 || !(words[0] === '-V' || words[0] === '--version')) return undefined;
  const [, program, tool = ''] = /^(ip6?tables)-bpf(-restore|-save)?$/.exec(basename(path)) ?? [];
  return program && `${program}${tool}`;
}

/** What cannot be written is no fault of ours: no stack, and the exit code of a failing system. */
function sayVersion(program: string): void {
  try {
    writeWhole(1, `${versionLine(program)}\n`);
  } catch (error) {
    process.exitCode = 4;
    writeWhole(2, `${program}: ${(error as Error).message}\n`);
  }
}

function runBundle(): void {
  const filename = join(import.meta.dirname, 'iptables-bpf.bundle.js');
  const text = readFileSync(filename, 'latin1');
  const cachedData = readCache(text.slice(COMMENT.length, COMMENT.length + DIGEST));
  const script = new Script(text, { filename, ...(cachedData && { cachedData }) });
  const run = script.runInThisContext() as (require: NodeJS.Require, filename: string) => void;
  run(createRequire(filename), filename);
}

function readCache(digest: string): Buffer | undefined {
  let content: Buffer;
  try {
    content = readFileSync(join(import.meta.dirname, 'iptables-bpf.cache'));
  } catch {
    return undefined;
  }
  return content.toString('latin1', 0, DIGEST) === digest ? content.subarray(DIGEST) : undefined;
}
