// What the engine is asked and what it answers. Commands and service speak to the firewall only in these terms.

import type { Counters } from '../base/counters.ts';
import type { Diagnostic } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { EarlyChoice, FilterChain, Placement, TableName, XdpMode } from '../base/hooks.ts';
import type { Ruleset } from '../ruleset/model.ts';

/** A loss of exactness that the `xdp` placement may be told to accept, by what it cannot see. */
export type Inexact = 'loopback' | 'output' | 'out-device';

/** Where and how rules are enforced. */
export interface Where {
  readonly placement: Placement;
  /** Only for placements `xdp` and `exact`: names of the devices to attach to. */
  readonly devices: readonly string[];
  readonly mode: XdpMode;
  /** Only for placement `exact`: `fast` if absent. */
  readonly early?: EarlyChoice | undefined;
  readonly allowInexact: readonly Inexact[];
}

export interface ApplyRequest extends Where {
  /** All tables of a family. What is not to be enforced is refused, but at placement `none`. */
  readonly ruleset: Ruleset;
  /** Name of the text it came from, kept with the generation and shown in diagnostics. */
  readonly source: { readonly file: string };
  /**
   * What the ruleset was made from: tables and rules that it shares with that are not in the source. It must still be in
   * force.
   */
  readonly before?: Current | undefined;
  /**
   * What the counters start from: `ruleset` takes those written in the ruleset (a restore: zero unless `-c`), `carry` keeps
   * those of rules that stay the same (by chain and text), `kept` those of the rules that were taken over from `before`:
   * another rule of equal text begins anew.
   */
  readonly counters: 'ruleset' | 'carry' | 'kept';
}

export type ApplyResult =
  | {
      readonly ok: true;
      /** 0 where nothing was brought into force: at placement `none`, and by `verify`. */
      readonly generation: number;
      readonly diagnostics: readonly Diagnostic[];
      readonly notes: readonly string[];
      /** Sentences that belong on the standard error, whatever was asked for. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface SyncResult {
  /** False where the rules would have to be compiled anew and cannot be: then they stay in force as they are. */
  readonly ok: boolean;
  /** Sentences; with `warnings` those that belong on the standard error. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** The ruleset of a family in force, or kept at placement `none`; devices are those that are there, and those left out. */
export interface Current extends Where {
  /** 0 at placement `none`. */
  readonly generation: number;
  readonly ruleset: Ruleset;
}

export interface HookStatus {
  readonly hook: FilterChain;
  readonly attached: boolean;
  /** Netfilter priority obtained, −1 at best. */
  readonly priority?: number;
}

export interface DeviceStatus {
  readonly name: string;
  readonly ifindex: number;
  /** Mode obtained; absent where nothing is attached, and `note` says why. */
  readonly mode?: 'native' | 'generic';
  /** Why that mode. */
  readonly why?: string;
  readonly note?: string;
}

/** What becomes of early verdicts. */
export interface EarlyStatus {
  /** Which of them were asked for. */
  readonly choice: EarlyChoice;
  /** Packets that were dropped early since their counters began. */
  readonly dropped: string;
  /** Why rules that make some do not now, in words that follow "because"; absent while they do. */
  readonly waiting?: string;
  /** What has changed without programs being told, and what to do, in a sentence; absent where there is nothing. */
  readonly outdated?: string;
  /** Why the rules make none, in such words; absent where they do. */
  readonly none?: string;
  /** What is left to netfilter whatever rules say, in a sentence. */
  readonly left?: string;
}

export interface FamilyStatus {
  /** 0 where nothing is enforced. */
  readonly generation: number;
  /** Absent where there are no rules, or nobody knows of what kind they are. */
  readonly placement?: Placement;
  /** In all tables. */
  readonly rules: number;
  /** At placements `netfilter` and `exact`. */
  readonly hooks: readonly HookStatus[];
  /** At placements `xdp` and `exact`. */
  readonly devices: readonly DeviceStatus[];
  /** Packets dropped because a slot was empty, and packets at XDP that no rule could decide. */
  readonly dropped: { readonly emptySlot: string; readonly undecided: string };
  /** At placement `exact`. */
  readonly early?: EarlyStatus;
  /** At placement `exact`: devices that were asked for and have no early verdicts, each with why. */
  readonly leftOut?: readonly { readonly name: string; readonly why: string }[];
}

export interface Status {
  readonly namespace: { readonly cookie: string; readonly name?: string };
  readonly families: Readonly<Record<Family, FamilyStatus>>;
  /** What an administrator should look at, in sentences. */
  readonly warnings: readonly string[];
  /** Other namespaces that hold rules of ours, and the generation of each family there. */
  readonly others: readonly {
    readonly cookie: string;
    readonly name?: string;
    readonly generations: Readonly<Record<Family, number>>;
  }[];
}

/** Which counters to set to zero: of the filter table unless said otherwise. `rule` counts from 1. */
export interface ZeroSelection {
  readonly table?: TableName;
  readonly chain?: string;
  readonly rule?: number;
}

/** The counters of a table by chain: of the policy (built-in chains), and of each rule in order. */
export type TableCounters = ReadonlyMap<string, { readonly policy?: Counters; readonly rules: readonly Counters[] }>;

/**
 * The firewalls of one network namespace, one for each family, under one lock. Opening takes nothing; methods that change something need the lock, which
 * `withLock` holds for the time of the call. Everything is synchronous: a command does one thing.
 */
export interface Engine {
  /** Runs `work` as the only writer of this namespace. Waits up to `seconds` (`Infinity`: for ever); throws `LockError`. */
  withLock<T>(seconds: number, work: () => T): T;
  /**
   * What is there, with the hit counters of this moment in it. Throws where the store has lost, or cannot read, what is in
   * force, unless told to take that for nothing.
   */
  current(family: Family, ifLost?: 'throw' | 'nothing'): Current | undefined;
  /**
   * The same to make another ruleset from: its rules are the same objects while they are in force, and their counters those
   * that they came into force with. Of tables in `replaced` there are only built-in chains, without rules.
   */
  basis(family: Family, ifLost?: 'throw' | 'nothing', replaced?: ReadonlySet<TableName>): Current | undefined;
  /** Makes the ruleset the one in force in its family, or leaves everything as it was and says why. */
  apply(request: ApplyRequest): ApplyResult;
  /**
   * Ends what `apply` leaves to do once its ruleset is in force, for a grace period long: then the programs and counters of
   * before are gone, and the store is on disk. Whoever changes something next does it otherwise. Returns, in sentences, what went wrong.
   */
  settle(): readonly string[];
  /**
   * Looks anew at what early verdicts rest on, and lets them go on: the rules in force are compiled again if need be. There is
   * nothing to say where no early verdicts were asked for.
   */
  sync(family: Family): SyncResult;
  /** Compiles and has the kernel verify; attaches nothing. */
  verify(request: ApplyRequest): ApplyResult;
  /** The counters of the filter table, of this moment. */
  counters(family: Family): TableCounters;
  /**
   * Sets counters to zero; with `shown`, takes off just what was shown, so that nothing counted since is lost. Returns
   * warnings as `apply` does.
   */
  zero(family: Family, selection: ZeroSelection, shown?: TableCounters): readonly string[];
  /**
   * Accepts everything again, takes all that is ours out of the kernel and forgets what is kept, in both families. Returns,
   * in sentences, what is wrong with the store: all else is done even so.
   */
  detach(): readonly string[];
  status(): Status;
  /** What is wrong with the rules in force of a family, in sentences, for commands that do not ask for the status. */
  warnings(family: Family): readonly string[];
  close(): void;
}
