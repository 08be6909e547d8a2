// What the documents and the sources say of the project must be so.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Names } from '../../../src/base/names.ts';
import { iptablesHelp } from '../../../src/cli/iptables-help.ts';
import { RESTORE_OPTIONS } from '../../../src/cli/iptables-restore.ts';
import { SAVE_OPTIONS } from '../../../src/cli/iptables-save.ts';
import { PROGRAMS } from '../../../src/cli/program.ts';
import { BASE_OPTIONS } from '../../../src/ruleset/options.ts';
import { RuleScope } from '../../../src/ruleset/scope.ts';
import { extensionRows } from './extension-rows.ts';
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
  const text = readFileSync('COMPATIBILITY.md', 'utf8');

  // `BPFILTER_DOCUMENTS=write` puts the rows there.
  it('has a row for every extension, with its options', () => {
    const [before, rest] = text.split('<!-- extensions -->\n') as [string, string];
    const after = rest.slice(rest.indexOf('<!-- end -->'));
    const wanted = `${before}<!-- extensions -->\n${extensionRows().join('\n')}\n${after}`;
    if (process.env.BPFILTER_DOCUMENTS === 'write') writeFileSync('COMPATIBILITY.md', wanted);
    else expect(text).toBe(wanted);
  });

  it('has a row for every option that all rules may have', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const names = BASE_OPTIONS.map(({ name }) => name);
    expect(names.filter((name) => !rows.some((row) => row.includes(`\`${name}\``)))).toEqual([]);
  });
});

describe('--help', () => {
  it.each([
    ['restore', RESTORE_OPTIONS, ['binary', 'modprobe', 'wait-interval']],
    ['save', SAVE_OPTIONS, ['dump', 'modprobe']],
  ])('of %s names every option but those taken for compatibility alone', (_, options, silent) => {
    const untold = options.filter(({ about }) => about === undefined).map(({ long }) => long);
    expect(untold.sort()).toEqual(silent);
  });

  it('of the commands on rules names every option', () => {
    const scope = new RuleScope({} as Names, 'ipv4');
    const help = iptablesHelp(PROGRAMS[0]!, scope);
    const missing = BASE_OPTIONS.filter(({ name }) => !help.includes(name)).map(({ name }) => name);
    expect(missing).toEqual([]);
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
