// `npm run fuzz -- --cases 20000 --seed 1 [--json]`: a run of any length, told to a person or a program. Ends with 1 where
// where there is a difference that no class permits.

import { parseArgs } from 'node:util';
import { printCase } from './case.ts';
import { extensionsIn, type RunResult, runFuzz } from './run.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    shrunk: { type: 'string', default: '400' },
    json: { type: 'boolean', default: false },
  },
});

const result = await runFuzz({
  cases: Number(values.cases),
  seed: Number(values.seed),
  shrunk: Number(values.shrunk),
  progress: (done) => process.stderr.isTTY && process.stderr.write(`\r${done} cases`),
});
process.stdout.write(values.json ? `${JSON.stringify(plain(result), undefined, 2)}\n` : report(result));
process.exitCode = result.findings.length === 0 ? 0 : 1;

function plain(result: RunResult) {
  return {
    ...result,
    extensions: Object.fromEntries(result.extensions),
    permitted: Object.fromEntries(result.permitted),
    findings: result.findings.map(({ difference: { kind, theirs, ours, case: given }, count }) => ({
      ...{ kind, theirs, ours, count },
      case: printCase(given),
    })),
  };
}

function report({ cases, accepted, rejected, extensions, permitted, findings }: RunResult): string {
  const lines = [`seed ${values.seed}: ${cases} cases, ${accepted} accepted by iptables, ${rejected} rejected`];
  lines.push('', 'extension: accepted + rejected');
  for (const [name, tally] of [...extensions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`  ${name}: ${tally.accepted} + ${tally.rejected}`);
  }
  lines.push('', 'permitted differences');
  for (const [name, count] of permitted) lines.push(`  ${name}: ${count}`);
  lines.push('', `differences that are not permitted: ${findings.length} sorts`);
  const keyed = findings.map((finding) => ({
    ...finding,
    key: extensionsIn(finding.difference.case).join(', ') || 'no extension',
  }));
  let last = '';
  for (const { key, difference, count } of keyed.sort((a, b) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : b.count - a.count,
  )) {
    if (key !== last) lines.push('', `## ${key}`);
    last = key;
    lines.push('', `- ${difference.kind} (${count})`);
    lines.push(
      ...printCase(difference.case)
        .trimEnd()
        .split('\n')
        .map((line) => `      ${line}`),
    );
    lines.push(`  iptables: ${difference.theirs.slice(0, 400)}`, `  ours: ${difference.ours.slice(0, 400)}`);
  }
  return `${lines.join('\n')}\n`;
}
