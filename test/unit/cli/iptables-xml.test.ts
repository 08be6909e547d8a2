import { beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/errors.ts';
import { xml } from '../../../src/cli/iptables-xml.ts';
import { FakeFirewall } from './fake-engine.ts';

let firewall: FakeFirewall;

beforeEach(() => {
  firewall = new FakeFirewall();
  firewall.files.set('empty', '');
  firewall.files.set(undefined, '*x\nCOMMIT\n');
  firewall.files.set('bad', 'bad\n');
  firewall.files.set('misuse', '*\n');
});

function run(...words: readonly string[]): [code: number, out: string, err: string] {
  return [runCommand('iptables-bpf-xml', xml, words, firewall.context()), firewall.out, firewall.err];
}

const EMPTY = '<iptables-rules version="1.0">\n</iptables-rules>\n';

test('a file, or the standard input', () => {
  expect(run('empty')).toEqual([0, EMPTY, '']);
  firewall.out = '';
  expect(run('--comb')).toEqual([0, EMPTY.replace('\n', '\n  <table name="x" >\n  </table>\n'), '']);
});

test('-v names itself first', () => {
  expect(run('empty', '-cv')).toEqual([0, `xptables-xml\n${EMPTY}`, '']);
});

test('-h is told as an error', () => {
  const [code, out, err] = run('-x', '-h');
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/^iptables-bpf-xml: invalid option -- 'x'\nUsage: iptables-bpf-xml [\s\S]*-c --combine /);
});

test('an unknown option changes nothing', () => {
  expect(run('-V', 'empty')).toEqual([0, EMPTY, "iptables-bpf-xml: invalid option -- 'V'\n"]);
});

test.each([
  [['empty', 'bad'], 1, '', 'Unknown arguments found on commandline'],
  [['none'], 1, '', "Can't open none: No such file or directory"],
  [['bad'], 1, '<iptables-rules version="1.0">\n', 'iptables-xml: line 1 failed\n'],
  [
    ['misuse'],
    2,
    '<iptables-rules version="1.0">\n',
    'iptables-xml v1.8.9: iptables-xml: line 1 table name invalid\nError occurred at line: 1\n' +
      "Try `iptables-xml -h' or 'iptables-xml --help' for more information.\n",
  ],
])('%j', (words, code, out, err) => {
  expect(run(...words)).toEqual([code, out, err]);
});
