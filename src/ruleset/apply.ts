// Carries out a command on a table: what -A, -D, -F … do.

import type { DiagnosticCode, Span } from '../base/diagnostic.ts';
import type { Command } from './command.ts';
import { EditError, type TableDraft } from './draft.ts';
import type { Rule, TargetUse } from './model.ts';

/** Changes the table as the command says; throws `EditError`. Commands that only show something change nothing. */
export function applyCommand(command: Command, table: TableDraft, span: Span): void {
  const { names, number, counters } = command;
  const chain = command.chain?.text;
  const rules = resolveTargets(command, table);
  if (names.has('append')) table.append(chain!, rules);
  else if (names.has('insert')) table.insert(chain!, number ?? 1, rules);
  else if (names.has('replace')) table.replace(chain!, number!, rules[0]!);
  else if (names.has('check')) table.check(chain!, rules);
  else if (names.has('delete')) {
    if (number === undefined) table.deleteRules(chain!, rules);
    else table.deleteNumber(chain!, number);
  } else if (names.has('flush')) table.flush(chain);
  else if (names.has('new-chain')) table.create(chain!, span);
  else if (names.has('delete-chain')) table.delete(chain);
  else if (names.has('rename-chain')) table.rename(chain!, command.newName!.text);
  else if (names.has('policy')) table.setPolicy(chain!, command.policy!.text, counters);
  else if (names.has('zero')) table.zero(chain, number);
}

/** The command's rules with their target, now that it is known which chains there are. */
export function resolveTargets({ rules, jump }: Command, table: TableDraft): readonly Rule[] {
  if (jump === undefined) return rules;
  const target = targetOf(jump, table);
  return rules.map((rule) => ({ ...rule, target }));
}

function targetOf(jump: NonNullable<Command['jump']>, table: TableDraft): TargetUse {
  const { name, extension } = jump;
  if (table.isChain(name)) return { kind: jump.goto ? 'goto' : 'jump', chain: name };
  if (extension !== undefined) return { kind: 'extension', extension: extension.name, data: extension.data };
  const code: DiagnosticCode = jump.goto ? 'unknown-chain' : 'unknown-target';
  const message = jump.goto
    ? `goto '${name}' is not a chain`
    : `Couldn't load target \`${name}':No such file or directory`;
  throw new TargetError(code, message);
}

/** Where a rule leads is neither a chain nor a target: the whole command is wrong, not the table. */
export class TargetError extends EditError {
  constructor(code: DiagnosticCode, message: string) {
    super(code === 'unknown-chain' ? 'unknown-target' : code, message, message);
  }
}
