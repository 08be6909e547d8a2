// Diagnostics: what a user did that cannot be done, as data. One renderer prints them for people, one for programs.

/** A piece of a source text. Lines and columns count from 1, columns in UTF-16 units. */
export interface Span {
  readonly line: number;
  readonly column: number;
  /** Units the piece is long; at least 1. */
  readonly length: number;
}

/** Every diagnostic there is, with its severity and one sentence for the manual. A test checks that each is documented. */
export const DIAGNOSTICS = {
  syntax: { severity: 'error', about: 'The line is not in the form of iptables-save.' },
  'missing-commit': { severity: 'error', about: 'A table is not closed by COMMIT.' },
  'unknown-table': { severity: 'error', about: 'No such table.' },
  'unknown-option': { severity: 'error', about: 'No match, target or command that the rule uses has this option.' },
  'unknown-match': { severity: 'error', about: 'No such match extension.' },
  'unknown-target': { severity: 'error', about: 'Neither a target nor a chain of this table.' },
  'unknown-chain': { severity: 'error', about: 'The rule is for a chain that the table does not have.' },
  'unsupported-option': { severity: 'error', about: 'iptables knows this, bpfilter does not enforce it yet.' },
  'unsupported-table': { severity: 'error', about: 'Only the filter table is enforced; another table holds rules.' },
  'missing-option': { severity: 'error', about: 'The match cannot do without an option that the rule does not give.' },
  'missing-value': { severity: 'error', about: 'The option needs a value.' },
  'bad-value': { severity: 'error', about: 'The value is not of the kind that the option takes.' },
  'bad-negation': { severity: 'error', about: 'The `!` stands where nothing can be negated.' },
  'repeated-option': { severity: 'error', about: 'The option may be given only once.' },
  'wrong-chain': { severity: 'error', about: 'The option has no meaning in this built-in chain.' },
  'wrong-protocol': { severity: 'error', about: 'The match needs another -p than the rule has.' },
  'bad-chain': { severity: 'error', about: 'The chain line or chain name is not one that iptables accepts.' },
  'bad-policy': { severity: 'error', about: 'The policy is not ACCEPT or DROP, or the chain cannot have one.' },
  'bad-counters': { severity: 'error', about: 'The counters are not of the form [packets:bytes].' },
  'chain-loop': { severity: 'error', about: 'A chain that is in use reaches itself.' },
  'too-large': { severity: 'error', about: 'The ruleset exceeds a limit of the compiler; the message says which.' },
  'not-at-placement': { severity: 'error', about: 'The placement asked for cannot enforce this exactly.' },
} as const satisfies Record<string, { severity: 'error' | 'warning'; about: string }>;

export type DiagnosticCode = keyof typeof DIAGNOSTICS;

export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Name of the text it is about: a path, or `<stdin>`. */
  readonly file: string;
  readonly span: Span;
  /** What to do instead. */
  readonly hint?: string;
}

export function severityOf(diagnostic: Diagnostic): 'error' | 'warning' {
  return DIAGNOSTICS[diagnostic.code].severity;
}

/**
 * Prints a diagnostic for a person: `file:line:column: error: message [code]`, the line with a caret below, the hint.
 * `source` is the whole text the span points into; control characters in it are shown as `?`.
 */
export function renderDiagnostic(diagnostic: Diagnostic, source: string): string {
  const { file, span, message, code, hint } = diagnostic;
  const lines = [`${file}:${span.line}:${span.column}: ${severityOf(diagnostic)}: ${message} [${code}]`];
  const text = source.split('\n', span.line)[span.line - 1];
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
  const text = line.slice(start, start + 120).replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => (c === '\t' ? ' ' : '?'));
  const column = Math.min(span.column - 1 - start, text.length);
  return { text, column, length: Math.max(1, Math.min(span.length, text.length - column)) };
}
