// What the documents and the sources say of the project must be so.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MATCHES, TARGETS } from '../../../src/extensions/registry.ts';
import { BASE_OPTIONS } from '../../../src/ruleset/options.ts';
import { committedFiles, filesUnder } from './files.ts';

const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'COMPATIBILITY.md', 'grammar/README.md'];

/** Places that exist only once something is built or runs. */
const NOT_COMMITTED = /^(dist|node_modules)\//;

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readFileSync(document, 'utf8');

  it('names files and folders that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|grammar|rulesets|\.ci)\/[\w./*-]*)`/g)].map((match) => match[1]!);
    const missing = named.filter((path) => !NOT_COMMITTED.test(path) && !existsSync(path.replace(/\*.*$/, '')));
    expect(missing).toEqual([]);
  });

  it('links to what exists', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1]!);
    const broken = links.filter(
      (link) => !/^https?:/.test(link) && !existsSync(new URL(link, `file://${process.cwd()}/${document}`)),
    );
    expect(broken).toEqual([]);
  });

  it('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('README.md', () => {
  it('names every environment variable and key of the configuration', () => {
    const config = readFileSync('src/cli/config.ts', 'utf8');
    const named = new Set([...config.matchAll(/BPFILTER_[A-Z_]+/g)].map(([name]) => name));
    const readme = readFileSync('README.md', 'utf8');
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !readme.includes(name))).toEqual([]);
  });
});

describe('COMPATIBILITY.md', () => {
  const rows = readFileSync('COMPATIBILITY.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));

  it('has a row for every option of every match', () => {
    const wanted = MATCHES.flatMap(({ name, options }) => options.map((option) => [`\`-m ${name}\``, option] as const));
    const missing = wanted.filter(
      ([match, { name, aliases = [] }]) =>
        !rows.some((row) => row.includes(match) && [name, ...aliases].every((word) => row.includes(`\`${word}\``))),
    );
    expect(missing.map(([match, { name }]) => `${match} ${name}`)).toEqual([]);
  });

  it('has a row for every target and every option that rules may have', () => {
    const options = BASE_OPTIONS.filter(({ refused }) => refused === undefined).map(({ name }) => name);
    const wanted = [...TARGETS.map(({ name }) => name), ...options];
    expect(wanted.filter((name) => !rows.some((row) => row.includes(`\`${name}\``)))).toEqual([]);
  });
});

describe('--help', () => {
  it.each([
    ['iptables-options.ts', ['wait-interval', 'modprobe', 'ipv6']],
    ['iptables-restore.ts', ['modprobe', 'wait-interval']],
    ['iptables-save.ts', ['dump', 'modprobe']],
  ])('of %s names every option but those taken for compatibility alone', (file, silent) => {
    const text = readFileSync(`src/cli/${file}`, 'utf8');
    const definitions = /const OPTIONS: .*? = \[\n(.*?)^\];/ms.exec(text)![1]!;
    const names = [...definitions.matchAll(/long: '([\w-]+)'/g)].map((match) => match[1]!);
    expect(names.length).toBeGreaterThan(4);
    const help = /`(Usage: .*?)`;/s.exec(text)![1]!;
    expect(names.filter((name) => !help.includes(`--${name}`))).toEqual(silent);
  });
});

describe('committed files', () => {
  it('name no place of one machine', () => {
    const places = /(^|[^\w.$}])\/(work|farm|home|root)\//m;
    const found = committedFiles().filter((file) => existsSync(file) && places.test(readFileSync(file, 'utf8')));
    expect(found).toEqual([]);
  });

  it('leave nothing to be done without saying where', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X\\b'].join(''));
    const found = ['src', 'grammar'].flatMap((folder) =>
      filesUnder(folder, '.ts').filter((file) => marks.test(readFileSync(file, 'utf8'))),
    );
    expect(found).toEqual([]);
  });

  it('are locked to versions, not to a registry', () => {
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
    };
    const entries = Object.entries(lock.packages);
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    // `npm ci` refuses a lock file that leaves out the packages of other platforms.
    const names = entries.flatMap(([, { optionalDependencies = {} }]) => Object.keys(optionalDependencies));
    expect(names.filter((name) => !entries.some(([path]) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
});
