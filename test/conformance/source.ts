// Gets the source package of iptables, whose tests are run but, being under the GPL, never kept in this tree.
//
// apt fetches it with lists and a cache of its own, so that nothing of the machine's apt changes; it checks signature
// and sums. The upstream archive inside the package is all that is needed.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const VERSION = '1.8.9';

const DEB_SRC =
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n';

/** The directory of the unpacked source package: the one given, else one in the user's cache, fetched if need be. */
export function sourceDirectory(given: string | undefined): string {
  const directory = given ?? cachedSource();
  const version = unpackedVersion(directory);
  if (version !== VERSION) throw new Error(`${directory}: iptables ${VERSION} is wanted, this is ${version}`);
  return directory;
}

function cachedSource(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bpfilter');
  const unpacked = join(cache, `iptables-${VERSION}`);
  if (!existsSync(unpacked)) {
    mkdirSync(cache, { recursive: true });
    const directory = mkdtempSync(join(cache, 'fetch-'));
    try {
      fetch(directory);
      renameSync(join(directory, `iptables-${VERSION}`), unpacked);
    } catch (error) {
      throw new Error(`no source of iptables (IPTABLES_SOURCE=DIRECTORY names one that is there): ${error}`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  return unpacked;
}

function fetch(directory: string): void {
  const list = join(directory, 'sources.list');
  const lists = join(directory, 'lists');
  const cache = join(directory, 'cache');
  writeFileSync(list, DEB_SRC);
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(cache);
  const settings = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${cache}`,
    // The directory is not open to apt's own user.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const run = (command: string, ...words: string[]) =>
    execFileSync(command, words, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  run('apt-get', ...settings, '-q', 'update');
  run('apt-get', ...settings, '-q', 'source', '--download-only', 'iptables');
  const archive = readdirSync(directory).find((name) => /\.orig\.tar\.\w+$/.test(name));
  if (archive === undefined) throw new Error('apt-get brought no upstream archive');
  run('tar', '--no-same-owner', '-xf', archive);
}

function unpackedVersion(directory: string): string {
  const file = join(directory, 'configure.ac');
  if (!existsSync(file)) return 'not a source package of iptables';
  return /AC_INIT\(\[iptables\], \[([^\]]+)\]/.exec(readFileSync(file, 'utf8'))?.[1] ?? 'of no known version';
}
