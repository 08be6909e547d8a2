// What the engine is asked and what it answers. Commands and service speak to the firewall only in these terms.

import type { Counters } from '../base/counters.ts';
import type { Diagnostic } from '../base/diagnostic.ts';
import type { FilterChain, Placement, XdpMode } from '../base/hooks.ts';
import type { Rule, Ruleset } from '../ruleset/model.ts';

/** A loss of exactness that the `xdp` placement may be told to accept, by what it cannot see. */
export type Inexact = 'loopback' | 'output' | 'out-device';

export interface ApplyRequest {
  /** The filter table to enforce; other tables hold nothing. */
  readonly ruleset: Ruleset;
  /** The text it came from and its name, kept with the generation and shown in diagnostics. */
  readonly source: { readonly file: string; readonly text: string };
  /**
   * What the counters start from: `carry` keeps those of rules that stay the same (by chain and text), `ruleset` takes
   * those written in the ruleset (a restore: zero unless `-c`).
   */
  readonly counters: 'carry' | 'ruleset';
  /** With `carry`: the rules that were in force before. Another rule of equal text begins anew. Absent for all. */
  readonly kept?: ReadonlySet<Rule>;
  readonly placement: Placement;
  /** Only for placement `xdp`: names of the devices to attach to. */
  readonly devices: readonly string[];
  readonly mode: XdpMode;
  readonly allowInexact: readonly Inexact[];
}

export type ApplyResult =
  | {
      readonly ok: true;
      readonly generation: number;
      readonly diagnostics: readonly Diagnostic[];
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** The generation in force: its ruleset, with the hit counters of this moment in it. */
export interface Current {
  readonly generation: number;
  readonly ruleset: Ruleset;
  readonly placement: Placement;
  readonly devices: readonly string[];
  readonly mode: XdpMode;
  readonly allowInexact: readonly Inexact[];
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
  readonly note?: string;
}

export interface Status {
  readonly namespace: { readonly cookie: string; readonly name?: string };
  /** 0 where nothing is enforced. */
  readonly generation: number;
  readonly placement?: Placement;
  readonly rules: number;
  readonly hooks: readonly HookStatus[];
  readonly devices: readonly DeviceStatus[];
  /** Packets dropped because a slot was empty, and packets at XDP that no rule could decide. */
  readonly dropped: { readonly emptySlot: string; readonly undecided: string };
  /** What an administrator should look at, in sentences. */
  readonly warnings: readonly string[];
  /** Other namespaces that hold rules of ours. */
  readonly others: readonly { readonly cookie: string; readonly name?: string; readonly generation: number }[];
}

/** Which counters to set to zero. `rule` counts from 1. */
export interface ZeroSelection {
  readonly chain?: string;
  readonly rule?: number;
}

/**
 * The firewall of one network namespace. Opening takes nothing; methods that change something need the lock, which
 * `withLock` holds for the time of the call. Everything is synchronous: a command does one thing.
 */
export interface Engine {
  /** Runs `work` as the only writer of this namespace. Waits up to `seconds` (`Infinity`: for ever); throws `LockError`. */
  withLock<T>(seconds: number, work: () => T): T;
  /** Throws where the store has lost what the kernel enforces, unless told to take that for nothing. */
  current(ifLost?: 'throw' | 'nothing'): Current | undefined;
  /** Makes the ruleset the one in force, or leaves everything as it was and says why. */
  apply(request: ApplyRequest): ApplyResult;
  /** Compiles and has the kernel verify; attaches nothing. */
  verify(request: ApplyRequest): ApplyResult;
  /** The counters of this moment, per chain: of the policy (built-in chains), and of each rule in order. */
  counters(): ReadonlyMap<string, { readonly policy?: Counters; readonly rules: readonly Counters[] }>;
  /** Sets counters to zero; with `shown`, takes off just what was shown, so that nothing counted since is lost. */
  zero(selection: ZeroSelection, shown?: ReturnType<Engine['counters']>): void;
  /** Accepts everything again and takes all that is ours out of the kernel. */
  detach(): void;
  status(): Status;
  close(): void;
}
