// Rules in force on two routers that random commands change, one after the other, with packets right behind each: counters go
// on through all of it, and must be the same at any time. Half of the sequences are *steady*: many rules, and changes that ask
// for nothing new, as of those programs are used again. Now and then other things change: what is around the rules, unknown to
// us until it is asked to look (`sync`), and the rules of the other family; or another process makes the change.

import { FAMILIES, type Family } from '../../src/base/family.ts';
import type { EarlyChoice } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Beside } from './beside.ts';
import { hasFragmentHeader } from './ipv6-builder.ts';
import { PLAIN_WORLD, PLAIN_WORLD6 } from './lab-world-plain.ts';
import { verified } from './packet-checksum.ts';
import type { Choice } from './random.ts';
import { ChangingRuleset } from './random-changes.ts';
import { FLOWS_4, FLOWS_6, randomFlows, untranslated } from './random-flows.ts';
import { randomPackets } from './random-packets.ts';
import { MANNERED, type Vocabulary } from './random-rules.ts';
import { Surroundings } from './random-surroundings.ts';

export const CHANGING_WORLDS = { ipv4: PLAIN_WORLD, ipv6: PLAIN_WORLD6 };
const FLOWS = { ipv4: untranslated(FLOWS_4), ipv6: untranslated(FLOWS_6) };
const SIZE = { ...MANNERED, rules: { min: 0, max: 40 }, userChains: { min: 0, max: 4 } };
const STEADY_SIZE = { ...SIZE, rules: { min: 60, max: 160 } };
const [CHANGES, STEADY_CHANGES] = [6, 12];

export class ChangeSequences {
  private readonly both: Beside;
  private readonly family: Family;
  private readonly early: EarlyChoice;
  private readonly surroundings: Surroundings;

  /** Connections are tracked on both routers all the time. */
  constructor(both: Beside, family: Family, early: EarlyChoice) {
    this.both = both;
    this.family = family;
    this.early = early;
    this.surroundings = new Surroundings(family);
  }

  /** Puts a ruleset into force and changes it; returns how many packets were dropped early. Throws where something differs. */
  run(choice: Choice, steady = choice.chance(0.5)): number {
    const { both } = this;
    const vocabulary = this.vocabulary(choice, steady);
    const rules = new ChangingRuleset(choice, vocabulary);
    const done = [rules.text];
    both.load(rules.text);
    let drops = 0;
    for (let i = 0; i < (steady ? STEADY_CHANGES : CHANGES); i++) {
      this.changeOthers(choice, done);
      const isOther = choice.chance(0.05);
      const change = rules.change(steady);
      done.push(`${isOther ? 'elsewhere: ' : ''}${change.tool} ${change.words.join(' ')}\n${change.input}`);
      both.change(change, isOther);
      drops += both.pass(this.packets(choice, vocabulary, rules), `change ${i}\n${done.join('\n')}`);
    }
    return drops;
  }

  private vocabulary(choice: Choice, steady: boolean): Vocabulary {
    const asksConnections = choice.chance(0.6);
    const { vocabulary } = CHANGING_WORLDS[this.family];
    return { ...vocabulary, ...(steady ? STEADY_SIZE : SIZE), ...(asksConnections && { connections: 'real' }) };
  }

  private changeOthers(choice: Choice, done: string[]): void {
    const { both } = this;
    if (choice.chance(0.15)) done.push(this.surroundings.change(choice, both));
    if (choice.chance(0.1)) {
      done.push('sync');
      both.sync();
    }
    const other = FAMILIES.find((each) => each !== this.family)!;
    const vocabulary: Vocabulary = { ...CHANGING_WORLDS[other].vocabulary, ...SIZE, connections: 'real' };
    if (choice.chance(0.05)) both.load(new ChangingRuleset(choice, vocabulary).text, other);
  }

  private packets(choice: Choice, vocabulary: Vocabulary, rules: ChangingRuleset): HookPacket[] {
    const { family, early } = this;
    const spoils = early === 'strict';
    const aimed = randomPackets(choice, vocabulary, rules.spec, 30).map(CHANGING_WORLDS[family].settle);
    return [...aimed, ...randomFlows(choice, FLOWS[family], 20, spoils)]
      .filter(({ bytes }) => !isLoneFragment(bytes, family))
      .map((packet) => (spoils ? packet : verified(packet)));
  }
}

/** Of IPv6 it waits for the others as long as the clock says, and whoever it is for complains of it: any address may become ours. */
function isLoneFragment(bytes: Uint8Array, family: Family): boolean {
  return family === 'ipv6' ? hasFragmentHeader(bytes) : (bytes[6]! & 0x3f) !== 0 || bytes[7] !== 0;
}
