// iptables-legacy, or ip6tables-legacy, on one router and we, at placement exact, on another: the same is done to both, the same packets are sent to
// both, and both must have counted the same: it throws where they have not. What we dropped early is told apart.

import type { Family } from '../../src/base/family.ts';
import type { EarlyChoice, EnforcingPlacement, XdpMode } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { FamilyStatus } from '../../src/engine/types.ts';
import { BpfilterSubject } from './bpfilter-subject.ts';
import { legacyIp6tables, legacyIptables } from './iptables.ts';
import { hasMoreFragments } from './ipv6-builder.ts';
import { type Lab, type Subject, withLab } from './lab.ts';
import type { World } from './lab-world.ts';
import type { Namespace } from './namespace.ts';
import { parsePacket } from './packet-notation.ts';
import type { Change } from './random-changes.ts';
import { differences, type TableCounters } from './table-counters.ts';
import { LEGACY_COMMAND } from './tracking.ts';

const LEGACY: Readonly<Record<Family, Subject>> = { ipv4: legacyIptables, ipv6: legacyIp6tables };

export class Beside {
  readonly labs: readonly [oracle: Lab, ours: Lab];
  private readonly subject: BpfilterSubject;
  private readonly family: Family;
  private atLastChange: TableCounters | undefined;

  constructor(oracle: Lab, ours: Lab, subject: BpfilterSubject, family: Family) {
    this.labs = [oracle, ours];
    this.family = family;
    this.subject = subject;
  }

  /** Rules of the world's family, or of another that is there beside it. */
  load(rules: string, family: Family = this.family): void {
    const [oracle, ours] = this.labs;
    if (family === this.family) this.atLastChange = undefined;
    LEGACY[family].load(oracle.router, rules);
    this.subject.load(ours.router, rules, family);
  }

  /**
   * Makes the same change to both, which both take. With every command iptables forgets what policies have counted, so ours
   * are compared since the last. Ours is made by the process that stays, or by another.
   */
  change(change: Change, isOther = false): void {
    const { tool, words, input } = change;
    const [oracle, ours] = this.labs;
    const name = `${LEGACY_COMMAND[this.family]}${tool === 'restore' ? '-restore' : ''}`;
    oracle.router.exec(name, ['-w', ...words], input);
    const { exitCode, said } = this.subject.run(ours.router, change, isOther);
    if (exitCode !== 0) throw new Error(`${words.join(' ')}\n${input}: exit code ${exitCode}: ${said}`);
    this.atLastChange = this.counters().ours;
  }

  /** Does the same to both routers. */
  each(work: (router: Namespace) => void): void {
    for (const lab of this.labs) work(lab.router);
  }

  /** Sends packets to both, which have the same counters and let as many out; returns how many were dropped early. */
  pass(packets: readonly HookPacket[], what = ''): number {
    const before = this.earlyDrops;
    const { family } = this;
    const [expected, found] = this.labs.map(
      (lab) => lab.pass(packets).filter((frame) => isWhole(frame, family)).length,
    );
    this.compare(what);
    if (found !== expected) throw new Error(`${what}: expected ${expected} packets to leave, found ${found}`);
    return this.earlyDrops - before;
  }

  /** The same as `pass`; returns the packets that left, which must be the same, and by which device. */
  exchange(packets: readonly HookPacket[], what = ''): OnWire[] {
    const [expected, found] = this.labs.map((lab) =>
      lab.pass(packets).map((frame) => ({ device: lab.deviceOf(frame), bytes: frame.slice(ETHERNET) })),
    );
    this.compare(what);
    const [wanted, got] = [expected!, found!].map((all) => all.map(textOf).sort());
    const only = (some: readonly string[], others: readonly string[]) => some.filter((each) => !others.includes(each));
    const [missing, others] = [only(wanted!, got!), only(got!, wanted!)];
    if (wanted!.join() !== got!.join()) {
      throw new Error(`${what}: expected to leave\n${missing.join('\n')}\nfound\n${others.join('\n')}`);
    }
    return found!;
  }

  /** Sends all that the stack throws away before any hook, made of a good packet; returns how many were dropped early. */
  malformed(good: HookPacket): number {
    const before = this.earlyDrops;
    for (const name of this.labs[0].malformedFrames(good)) {
      for (const lab of this.labs) lab.sendMalformed(good, name);
      this.compare(name);
    }
    return this.earlyDrops - before;
  }

  /** Throws unless both have counted the same so far. */
  compare(what = '', family: Family = this.family): void {
    const { oracle, ours } = this.counters(family);
    const counted = this.atLastChange === undefined ? ours : withoutPolicies(ours, this.atLastChange);
    const wrong = differences(oracle, counted);
    if (wrong.length > 0) throw new Error([`${what}:`, ...wrong].join('\n'));
  }

  counters(family: Family = this.family): { readonly oracle: TableCounters; readonly ours: TableCounters } {
    const [oracle, ours] = this.labs;
    return { oracle: LEGACY[family].counters(oracle.router), ours: this.subject.counters(ours.router, family) };
  }

  /** What ours says of the world's family. */
  get status(): FamilyStatus {
    return this.subject.status(this.labs[1].router).families[this.family];
  }

  get earlyDrops(): number {
    return this.earlyDropsOf(this.family);
  }

  earlyDropsOf(family: Family): number {
    return Number(this.subject.status(this.labs[1].router).families[family].early?.dropped ?? 0);
  }

  /** How often tables of programs that are used again have been written anew. */
  get rewritten(): number {
    return this.subject.rewritten;
  }

  sync(): readonly string[] {
    return this.subject.sync(this.labs[1].router);
  }
}

/** The counters, of policies without what they were `before`. */
function withoutPolicies(counters: TableCounters, before: TableCounters): TableCounters {
  return new Map(
    [...counters].map(([name, { policy, rules }]) => {
      const old = before.get(name)?.policy;
      if (policy === undefined || old === undefined) return [name, { rules }];
      return [name, { rules, policy: { packets: policy.packets - old.packets, bytes: policy.bytes - old.bytes } }];
    }),
  );
}

/** A packet that left a router. */
export interface OnWire {
  readonly device: string;
  readonly bytes: Uint8Array;
}

const ETHERNET = 14;

/** A packet or the last of its fragments: into how many the kernel cuts what it forwards depends on how the driver has laid the packet out. */
const isWhole = (frame: Uint8Array, family: Family) => !hasMoreFragments(frame.subarray(ETHERNET), family);

/** All of it but the identification, which the router's own packets have by chance, and the header's checksum. */
function textOf({ device, bytes }: OnWire): string {
  const plain = Buffer.from(bytes);
  plain.fill(0, 4, 6).fill(0, 10, 12);
  return `${device} ${plain.toString('hex')}`;
}

/** Lends both routers to `work`, and removes them. */
export async function withBoth(
  world: World,
  mode: XdpMode,
  work: (both: Beside) => void | Promise<void>,
  placement: EnforcingPlacement = 'exact',
  early: EarlyChoice = 'fast',
) {
  const subject = new BpfilterSubject(placement, mode, {}, world.family, early);
  await withLab(
    (oracle) =>
      withLab(async (ours) => {
        try {
          await work(new Beside(oracle, ours, subject, world.family));
          subject.unload(ours.router);
        } finally {
          subject.close();
        }
      }, world),
    world,
  );
}

/** Packets in the notation of `packet-notation.ts`; those of IPv4 have an identification, which keeps them in one piece. */
export function packetsOf(...lines: readonly string[]): HookPacket[] {
  return lines.map((line) => parsePacket(/ id=|::/.test(line) ? line : `${line} id=1`));
}
