// Rules that name what lives in the kernel: refused as iptables-legacy refuses them where nothing of that name is there,
// and taken by what asks no kernel.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestNamespace } from './namespace.ts';

let namespace: TestNamespace;

beforeEach(() => {
  namespace = new TestNamespace();
});

afterEach(() => {
  namespace.remove();
});

const environment = { BPFILTER_PLACEMENT: 'none' };

const NAMELESS = [
  '-m set --match-set none src',
  '-m set ! --match-set none src,dst',
  '-m nfacct --nfacct-name none',
  '-m cgroup --path /no/such/group',
  '-m bpf --object-pinned /nowhere',
  '-m connlabel --label 128',
];

const firstLine = (text: string) => text.split('\n', 1)[0]!.replace(/\((bpf|legacy)\)/, '(variant)');

test.each(NAMELESS)('%s', (words) => {
  const rule = `-A INPUT ${words}`;
  const legacy = namespace.exec('iptables-legacy', rule.split(' '));
  const ours = namespace.run(`iptables ${rule}`, { environment });
  expect([ours.code, firstLine(ours.err)]).toEqual([legacy.code, firstLine(legacy.err)]);

  const input = `*filter\n${rule}\nCOMMIT\n`;
  const restored = namespace.exec('iptables-legacy-restore', [], { input });
  const ourRestore = namespace.run('restore', { input, environment });
  const program = (line: string) => line.replace(/^\S*restore/, 'restore');
  expect([ourRestore.code, program(firstLine(ourRestore.err))]).toEqual([
    restored.code,
    program(firstLine(restored.err)),
  ]);
});

test('what asks no kernel takes the names', () => {
  const input = `*filter\n${NAMELESS.slice(0, 5)
    .map((words) => `-A INPUT ${words}\n`)
    .join('')}COMMIT\n`;
  expect(namespace.run('restore --test=syntax', { input })).toEqual({ code: 0, out: '', err: '' });
  const formatted = namespace.run('bpfilter fmt -', { input });
  expect(formatted.out.match(/^-A .*$/gm)).toHaveLength(5);
});
