import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { completions } from '../../../src/cli/manual/completions.ts';
import { manualPages } from '../../../src/cli/manual/pages.ts';
import { bold, ManualPage, plain } from '../../../src/cli/manual/roff.ts';
import { MATCHES, TARGETS } from '../../../src/extensions/registry.ts';
import { BASE_OPTIONS } from '../../../src/ruleset/options.ts';

const packageFile = JSON.parse(readFileSync('package.json', 'utf8')) as {
  bin: Record<string, string>;
  man: readonly string[];
};

describe('manual pages', () => {
  const pages = manualPages();

  test('there is one for every command, and the package installs all', () => {
    expect(Object.keys(packageFile.bin).filter((name) => !pages.has(`${name}.8`))).toEqual([]);
    expect([...packageFile.man].sort()).toEqual([...pages.keys()].map((name) => `dist/man/man8/${name}`).sort());
  });

  test('every option and every extension stands in them', () => {
    const options = BASE_OPTIONS.map(({ name }) => name);
    expect(options.filter((name) => !pages.get('iptables-bpf.8')!.includes(plain(name)))).toEqual([]);
    const extensions = pages.get('iptables-bpf-extensions.8')!;
    const names = [...MATCHES, ...TARGETS].flatMap(({ name, options: own }) => [
      `.SS ${plain(name)}`,
      ...own.flatMap((option) => [option.name, ...(option.aliases ?? [])].map(plain)),
    ]);
    expect(names.filter((name) => !extensions.includes(name))).toEqual([]);
  });

  test('no line is taken for a command that is none', () => {
    const macros = /^\.(TH|SH|SS|PP|TP|br|so) ?/;
    for (const [name, text] of pages) {
      const odd = text.split('\n').filter((line) => /^[.']/.test(line) && !macros.test(line));
      expect([name, odd]).toEqual([name, []]);
    }
    const page = new ManualPage('x', 8, 'y').paragraph('.a\\b -c').item(bold("'d"), 'e').text();
    expect(page.split('\n').slice(3, -1)).toEqual(['.PP', '\\&.a\\eb \\-c', '.TP', "\\fB\\&'d\\fR", 'e']);
  });
});

describe('completions', () => {
  const files = completions();

  /** What bash offers for the last of the words. */
  function offered(words: readonly string[]): string[] {
    const script = `${files.get(words[0]!)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_${words[0]!.replaceAll('-', '_')} 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n');
  }

  test('there are some for every command', () => {
    expect([...files.keys()].sort()).toEqual(Object.keys(packageFile.bin).sort());
  });

  test.each([
    [['iptables-bpf', '--lin'], ['--line-numbers']],
    [['iptables-bpf', '-t', 'na'], ['nat']],
    [['iptables-bpf', '-m', 'comm'], ['comment']],
    [['iptables-bpf', '-A', 'x', '-m', 'comment', '--comm'], ['--comment']],
    [['iptables-bpf', '-p', 'tcp', '--syn'], ['--syn']],
    [['iptables-bpf', '-j', 'ACC'], ['ACCEPT']],
    [['ip6tables-bpf', '--tcp-f'], ['']],
    [['iptables-bpf-restore', '--noflu'], ['--noflush']],
    [['iptables-bpf-save', '--cou'], ['--counters']],
    [['iptables-bpf-xml', '--com'], ['--combine']],
    [['bpfilter', 'sta'], ['status']],
    [['bpfilter', 'fmt', '--ipv'], ['--ipv6']],
    [
      ['bpfilter', 'apply', '--placement', 'n'],
      ['netfilter', 'none'],
    ],
    [['bpfilter', 'apply', 'f', '--device', 'l'], ['lo']],
  ])('%j', (words, expected) => {
    expect(offered(words)).toEqual(expected);
  });
});
