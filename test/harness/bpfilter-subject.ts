// Ourselves as the subject of a differential test: the engine, in this process, in the namespace under test.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../../src/base/family.ts';
import type { EarlyChoice, EnforcingPlacement, XdpMode } from '../../src/base/hooks.ts';
import { processContext } from '../../src/cli/context.ts';
import { runCommand } from '../../src/cli/errors.ts';
import { iptables } from '../../src/cli/iptables.ts';
import { restore } from '../../src/cli/iptables-restore.ts';
import { PROGRAMS } from '../../src/cli/program.ts';
import { openEngine } from '../../src/engine/engine.ts';
import type { Kernel } from '../../src/engine/kernel.ts';
import { systemKernel } from '../../src/engine/system-kernel.ts';
import type { Engine, Status } from '../../src/engine/types.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import type { Subject } from './lab.ts';
import { DEVICES } from './lab-world.ts';
import type { Namespace } from './namespace.ts';
import type { Change } from './random-changes.ts';

/** The finish that lists get, and what the classifier may use. */
type Tuning = NonNullable<Parameters<typeof openEngine>[2]>;

export class BpfilterSubject implements Subject {
  readonly name: string;
  private readonly placement: EnforcingPlacement;
  private readonly mode: XdpMode;
  private readonly tuning: Tuning;
  private readonly family: Family;
  private readonly early: EarlyChoice;
  private readonly devices: readonly string[];
  /** Below /run, as the pins need. */
  private readonly directory = mkdtempSync('/run/ipb-lab-');
  private engine: Engine | undefined;
  /** How often tables of programs that are used again have been written anew. */
  rewritten = 0;
  /** The finishes of tables that programs were loaded with, behind the program's name: `r_early dense`. */
  readonly finishes = new Set<string>();

  constructor(
    placement: EnforcingPlacement,
    mode: XdpMode = 'auto',
    tuning: Tuning = {},
    family: Family = 'ipv4',
    early: EarlyChoice = 'fast',
    devices: readonly string[] = DEVICES,
  ) {
    this.name =
      placement === 'netfilter'
        ? 'bpfilter at netfilter'
        : `bpfilter at ${placement === 'xdp' ? 'XDP' : placement} (${mode})`;
    this.placement = placement;
    this.mode = mode;
    this.tuning = tuning;
    this.family = family;
    this.early = early;
    this.devices = devices;
  }

  load(namespace: Namespace, rules: string, family: Family = this.family): void {
    const { ruleset } = parseRuleset(rules, { file: 'random.rules', family });
    const result = this.within(namespace, (engine) =>
      engine.apply({
        ruleset,
        source: { file: 'random.rules' },
        counters: 'ruleset',
        placement: this.placement,
        devices: this.placement === 'netfilter' ? [] : this.devices,
        mode: this.mode,
        early: this.early,
        allowInexact: this.placement === 'xdp' ? ['loopback', 'output', 'out-device'] : [],
      }),
    );
    if (!result.ok) throw new Error(`refused: ${result.diagnostics.map((d) => d.message).join('; ')}`);
  }

  counters(namespace: Namespace, family: Family = this.family) {
    return this.within(namespace, (engine) => engine.counters(family));
  }

  /** Looks anew at what early verdicts rest on; returns what there is to say. */
  sync(namespace: Namespace): readonly string[] {
    return this.within(namespace, (engine) => {
      const { ok, notes, warnings } = engine.sync(this.family);
      if (!ok) throw new Error(`sync: ${warnings.join('; ')}`);
      return [...notes, ...warnings];
    });
  }

  status(namespace: Namespace): Status {
    return this.within(namespace, (engine) => engine.status());
  }

  /** Runs a command on the rules in force, with the engine that is there, or as another process would; returns what it says. */
  run(namespace: Namespace, { tool, words, input }: Change, isOther = false, family: Family = this.family) {
    const program = PROGRAMS.find((each) => each.family === family)!;
    const main = tool === 'iptables' ? iptables : restore;
    let said = '';
    const exitCode = namespace.enter(() =>
      runCommand(program.name, (given, context) => main(given, context, program), words, {
        ...processContext(),
        environment: { BPFILTER_RUN_DIR: this.directories.run, BPFILTER_STATE_DIR: this.directories.state },
        readInput: () => input,
        print: () => {},
        printError: (text) => (said += text),
        openEngine: () =>
          isOther ? this.openAnother() : (Object.create(this.open(), { close: { value: () => {} } }) as Engine),
      }),
    );
    return { exitCode, said };
  }

  unload(namespace: Namespace): void {
    this.within(namespace, (engine) => engine.detach());
  }

  /** To be called before the namespace is removed, behind `unload`. */
  close(): void {
    this.engine?.close();
    spawnSync('umount', [join(this.directory, 'run', 'bpf')]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  private within<T>(namespace: Namespace, work: (engine: Engine) => T): T {
    return namespace.enter(() => {
      const engine = this.open();
      return engine.withLock(10, () => work(engine));
    });
  }

  private open(): Engine {
    this.engine ??= this.openAnother();
    return this.engine;
  }

  private openAnother(): Engine {
    const rewriteMap: Kernel['rewriteMap'] = (map, definition) => {
      this.rewritten++;
      systemKernel.rewriteMap(map, definition);
    };
    const loadProgram: Kernel['loadProgram'] = (program, maps) => {
      for (const { text } of program.lines) {
        const [, finish] = /^segment \d+: (dense|masks|tuples|walk)$/.exec(text) ?? [];
        if (finish !== undefined) this.finishes.add(`${program.name} ${finish}`);
      }
      return systemKernel.loadProgram(program, maps);
    };
    return openEngine(this.directories, { ...systemKernel, rewriteMap, loadProgram }, this.tuning);
  }

  private get directories() {
    return { run: join(this.directory, 'run'), state: join(this.directory, 'state') };
  }
}
