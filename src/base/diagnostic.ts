// Diagnostics: what a user did that cannot be done, as data. One renderer prints them for people, one for programs.

/** A piece of a source text. Lines and columns count from 1, columns in UTF-16 units. */
export interface Span {
  readonly line: number;
  readonly column: number;
  /** Units the piece is long; at least 1. */
  readonly length: number;
}

/**
 * How the iptables commands end on a mistake. `parameter`: exit 2, the message and the line. `argument`: the same without
 * the version in front. `other`: exit 1 and the message. `failed`: exit 1, only that the line failed. `commit`: the same
 * for a table that is not closed. `version`: exit 3, the kernel lacks something.
 */
export type Form = 'parameter' | 'argument' | 'other' | 'failed' | 'commit' | 'version';

const error = (form: Form, about: string) => ({ severity: 'error', form, about }) as const;

/** Every diagnostic there is, with one sentence for the manual. A test checks that each is documented. */
export const DIAGNOSTICS = {
  syntax: error('parameter', 'The line is not in the form of iptables-save.'),
  'bad-argument': error('argument', 'A word is neither an option nor the value of one.'),
  'outside-table': error('failed', 'The line stands in no table.'),
  'missing-commit': error('commit', 'A table is not closed by COMMIT.'),
  'unknown-table': error('parameter', 'No such table.'),
  'unknown-option': error('parameter', 'No match, target or command that the rule uses has this option.'),
  'unknown-match': error('parameter', 'No such match extension.'),
  'unknown-target': error('parameter', 'Neither a target nor a chain of this table.'),
  'unknown-chain': error('failed', 'The table does not have the chain.'),
  'unknown-rule': error('failed', 'The chain has no such rule, by what it says or by its number.'),
  'unsupported-option': error('other', 'The language has this, bpfilter does not enforce it yet.'),
  'unsupported-table': error('other', 'Only the filter table is enforced; another table holds rules.'),
  'missing-option': error('parameter', 'The extension cannot do without an option that the rule does not give.'),
  'excluded-option': error('parameter', 'Two options exclude each other.'),
  'missing-value': error('parameter', 'The option needs a value.'),
  'bad-value': error('parameter', 'The value is not of the kind that the option takes.'),
  'bad-negation': error('parameter', 'The `!` stands where nothing can be negated.'),
  'repeated-option': error('parameter', 'The option may be given only once.'),
  'wrong-chain': error('parameter', 'The option has no meaning in this built-in chain.'),
  'wrong-table': error('parameter', 'The table is not for this.'),
  'wrong-family': error('parameter', 'The command is for the other family of addresses.'),
  'refused-rule': error('failed', 'The kernel does not take the rule where it stands: the message says why.'),
  'bad-chain': error('parameter', 'The chain line or chain name is not one that iptables accepts.'),
  'chain-in-use': error('failed', 'The chain exists already, or cannot be removed or renamed.'),
  'bad-policy': error('other', 'The policy is not ACCEPT or DROP, or the chain cannot have one.'),
  'bad-counters': error('parameter', 'The counters are not of the form [packets:bytes].'),
  'chain-loop': error('failed', 'A chain that is in use reaches itself.'),
  'too-large': error(
    'other',
    "User chains are nested deeper than the compiler follows (more than 160 that each have several callers; before Linux 6.4 fewer, where chains are entered in very many ways), what no table holds of one hook's rules comes to more than 16 777 215 steps (a test, a counter or a jump each), the file has more than 1 000 000 rules, or the kernel's verifier refuses the program; the message says which.",
  ),
  'no-connections': error('version', 'The kernel cannot be made to track connections, which the rules ask about.'),
  'not-at-placement': error('other', 'The placement asked for cannot enforce this exactly.'),
} as const satisfies Record<string, { severity: 'error' | 'warning'; form: Form; about: string }>;

export type DiagnosticCode = keyof typeof DIAGNOSTICS;

export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Name of the text it is about: a path, or `<stdin>`. */
  readonly file: string;
  readonly span: Span;
  /** What to do instead. */
  readonly hint?: string;
  /** The line at which iptables notices, where that is a later one: the COMMIT of the table. */
  readonly noticedAt?: number;
  /** What iptables says of it on a command line, where it is the kernel or its library that refuses. */
  readonly reason?: string;
}

export function severityOf(diagnostic: Diagnostic): 'error' | 'warning' {
  return DIAGNOSTICS[diagnostic.code].severity;
}

/**
 * Prints a diagnostic for a person: `file:line:column: error: message [code]`, the line with a caret below, the hint.
 * `source` has all lines of the text the span points into; control characters are shown as `?`.
 */
export function renderDiagnostic(diagnostic: Diagnostic, source: readonly string[]): string {
  const { file, span, message, code, hint } = diagnostic;
  const told = message.trim().split('\n').map(withoutControls).join('\n');
  const lines = [`${file}:${span.line}:${span.column}: ${severityOf(diagnostic)}: ${told} [${code}]`];
  const text = source[span.line - 1];
  if (text !== undefined) {
    const shown = excerpt(text, span);
    lines.push(`  ${shown.text}`, `  ${' '.repeat(shown.column)}${'^'.repeat(shown.length)}`);
  }
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join('\n');
}

/** The part of a long line around the span, at most about 120 units, with the span's place in it. */
function excerpt(line: string, span: Span): { text: string; column: number; length: number } {
  const start = Math.max(0, span.column - 1 - 60);
  const text = withoutControls(line.slice(start, start + 120));
  const column = Math.min(span.column - 1 - start, text.length);
  return { text, column, length: Math.max(1, Math.min(span.length, text.length - column)) };
}

function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => (c === '\t' ? ' ' : '?'));
}
