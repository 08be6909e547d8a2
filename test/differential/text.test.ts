// Every rule of `text-cases/`, to iptables-legacy and to us: exit code and first line of the error, or the saved text
// and what -L shows with and without -n.

import { beforeAll, describe, expect, it } from 'vitest';
import type { KernelNames, Names } from '../../src/base/names.ts';
import { exitCodeOf, inIptablesWords } from '../../src/cli/compat.ts';
import { listTable } from '../../src/ruleset/list.ts';
import { systemNames } from '../../src/ruleset/names.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRuleset } from '../../src/ruleset/print.ts';
import { askLegacy, type TextAnswer, type TextQuestion } from '../harness/text-oracle.ts';
import { cases as basics } from './text-cases/basics.ts';
import { cases as effects } from './text-cases/effects.ts';
import { cases as headers } from './text-cases/headers.ts';
import { cases as host } from './text-cases/host.ts';
import { cases as ipv6 } from './text-cases/ipv6.ts';
import { cases as nat } from './text-cases/nat.ts';
import { cases as state } from './text-cases/state.ts';
import { cases as targets } from './text-cases/targets.ts';
import { cases as tcpUdp } from './text-cases/tcp-udp.ts';
import type { TextCase } from './text-cases/text-case.ts';

const FILES: Readonly<Record<string, readonly TextCase[]>> = {
  basics,
  effects,
  headers,
  host,
  ipv6,
  nat,
  state,
  targets,
  'tcp-udp': tcpUdp,
};

/** The namespace that is asked is new: it has none of all these. */
const emptyKernel: KernelNames = {
  set: () => undefined,
  accounting: () => false,
  cgroup: (path) => path === '' || path === '/',
  pinnedProgram: () => false,
};

const names: Names = { ...systemNames(), kernel: emptyKernel };

describe.each(Object.entries(FILES))('%s', (_file, cases) => {
  const questions = cases.map(question);
  let theirs: readonly TextAnswer[] = [];
  beforeAll(async () => {
    theirs = await askLegacy(questions);
  });

  it('has rules of both kinds', () => {
    const accepted = theirs.filter(({ exitCode }) => exitCode === 0);
    expect(accepted.length).toBeGreaterThan(0);
    expect(accepted.length).toBeLessThan(cases.length);
  });

  it.each(cases.map((each, i) => ({ ...each, i })))('$family $table $chain $rule', ({ chain, prints, i }) => {
    const ours = answer(questions[i]!);
    const wanted = theirs[i]!;
    if (prints === undefined) {
      expect(ours).toEqual(wanted);
      return;
    }
    const line = `-A ${chain} ${prints}`;
    expect(ours).toEqual({ ...wanted, saved: wanted.saved.replace(new RegExp(`^-A ${chain}.*$`, 'm'), () => line) });
    expect(ours.saved).not.toBe(wanted.saved);
  });
});

function question({ family, table, chain, rule }: TextCase): TextQuestion {
  return { family, table, chain, text: `*${table}\n:c - [0:0]\n-A ${chain} ${rule}\nCOMMIT\n` };
}

function answer({ family, table: name, chain, text }: TextQuestion): TextAnswer {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'case', family, names });
  const [first] = diagnostics;
  if (first !== undefined) {
    const program = family === 'ipv6' ? 'ip6tables-restore' : 'iptables-restore';
    const message = inIptablesWords(first, program).split('\n', 1)[0]!;
    return { exitCode: exitCodeOf(diagnostics), message, saved: '', numeric: '', named: '' };
  }
  const table = ruleset.tables.find((each) => each.name === name)!;
  const list = (numeric: boolean) =>
    listTable(table, { chain }, { family, numeric, verbose: false, exact: false, lineNumbers: false }, names);
  const saved = printRuleset(ruleset, { tables: [name], names });
  return { exitCode: 0, message: '', saved, numeric: list(true), named: list(false) };
}
