// From configuration to what the engine is asked: where rules are enforced, on which devices, and how.

import { type Diagnostic, renderDiagnostic, severityOf } from '../base/diagnostic.ts';
import type { Kernel } from '../engine/kernel.ts';
import type { Engine, Where } from '../engine/types.ts';
import type { Ruleset, Table } from '../ruleset/model.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { selectDevices } from './devices.ts';

/** Lends `work` the firewall of the network namespace that the command runs in. */
export function withEngine<T>(config: Config, context: Context, work: (engine: Engine) => T): T {
  const engine = context.openEngine({ run: config.runDirectory, state: config.stateDirectory });
  try {
    return work(engine);
  } finally {
    engine.close();
  }
}

/** Whether a ruleset has just the tables, unchanged, of the one that it was made from. */
export function isUnchanged(after: Ruleset, before: Ruleset | undefined): boolean {
  const tables = before?.tables ?? [];
  return after.tables.length === tables.length && after.tables.every((table, i) => table === tables[i]);
}

/** The table that is enforced, if the ruleset has it. */
export function enforcedTable(ruleset: Ruleset | undefined): Table | undefined {
  return ruleset?.tables.find((table) => table.name === ENFORCED_TABLE);
}

/** What the choice of a place may rest on besides the configuration: what is there before, and devices that are named. */
interface WhereOptions {
  readonly before?: Where | undefined;
  readonly devices?: readonly string[] | undefined;
}

/**
 * Where the configuration asks for rules to be enforced. What it does not ask for stays as it is `before`; where there is
 * nothing yet, the placement is `exact`. Devices without names are those that the configuration's patterns leave of all that
 * are neither the loopback device nor part of a bridge or bond (rules name that instead).
 */
export function whereToEnforce(config: Config, kernel: Kernel, { before, devices }: WhereOptions = {}): Where {
  const placement = config.placement ?? before?.placement ?? DEFAULT_PLACEMENT;
  const kept = before?.placement === placement ? before : undefined;
  const mode = config.mode ?? kept?.mode ?? 'auto';
  const early = config.early ?? kept?.early ?? 'fast';
  const allowInexact = config.allowInexact ?? kept?.allowInexact ?? [];
  const usesDevices = placement === 'xdp' || placement === 'exact';
  if (!usesDevices) return { placement, devices: [], mode, allowInexact };
  // Devices that were chosen stay chosen, but where none is to be harmed: then there may be new ones.
  const isChosen = config.placement === undefined && (placement === 'xdp' || mode !== 'auto');
  const named = devices ?? (isChosen ? kept?.devices : undefined);
  return {
    ...{ placement, devices: named ?? presentDevices(config, kernel), mode, allowInexact },
    ...(placement === 'exact' && { early }),
  };
}

const DEFAULT_PLACEMENT = 'exact';

function presentDevices(config: Config, kernel: Kernel): string[] {
  const candidates = kernel
    .devices()
    .filter(({ loopback, ethernet, master }) => !loopback && ethernet && master === undefined);
  return selectDevices(
    candidates.map(({ name }) => name),
    config.devices,
  );
}

/** Tells on the standard error what a change means that must not be missed. */
export function printWarnings(program: string, warnings: readonly string[], context: Context): void {
  for (const warning of warnings) context.printError(`${program}: ${warning}\n`);
}

/** All diagnostics for people, and how many errors there are. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], source: string): string {
  const errors = diagnostics.filter((diagnostic) => severityOf(diagnostic) === 'error').length;
  const count = errors === 1 ? '1 error' : `${errors} errors`;
  const lines = diagnostics.length === 0 ? [] : source.split('\n');
  return `${diagnostics.map((d) => `${renderDiagnostic(d, lines)}\n`).join('')}${count}; nothing was changed.\n`;
}
