// A rule that was read by the grammar as the pattern of all lines of its shape (`shapes.ts`): where each word that was left
// out goes.

import type { Family } from '../base/family.ts';
import type { LineScan } from './line-scan.ts';
import type { Rule } from './model.ts';
import { PatternPart } from './pattern-part.ts';
import { printRuleLine } from './print.ts';
import type { RuleDraft } from './rule.ts';

/** Where a word goes that is no value of an extension's option; `value` is one. */
export type Slot = 'source' | 'destination' | 'inInterface' | 'outInterface' | 'chain' | 'jump' | 'value';

export interface Pattern {
  readonly rule: Rule;
  readonly chain: string;
  /** Of each word. */
  readonly slots: readonly Slot[];
  /** The extensions of which values differ. */
  readonly parts: readonly PatternPart[];
  /** Whether its line is what is printed of it, so that the next are where their words are. */
  readonly isPrinted: boolean;
}

/**
 * The pattern that a rule is: `line` is what it was read from without counters, `scan` has scanned it. Undefined if it can be
 * none.
 */
export function patternOf(
  scan: LineScan,
  line: string,
  rule: Rule,
  draft: RuleDraft,
  family: Family,
): Pattern | undefined {
  // A chain that hides an extension of its name could be gone in another line's table.
  if ('chain' in rule.target && draft.scope.target !== undefined) return undefined;
  const parts = new Map<unknown, PatternPart>();
  const slots: Slot[] = [];
  for (let word = 0; word < scan.count; word++) {
    const slot = slotOf(scan, word, draft) ?? valueSlot(scan, word, draft, parts);
    if (slot === undefined) return undefined;
    const isAddress = scan.classes[word] === 'address' || scan.classes[word] === 'address6';
    // No condition, or one that iptables reads in another way: not for a pattern.
    if ((slot === 'source' || slot === 'destination') && (!isAddress || rule[slot] === undefined)) return undefined;
    if (slot === 'jump' && !('chain' in rule.target)) return undefined;
    slots.push(slot);
  }
  const chain = draft.chain!.text;
  const isPrinted = line === printRuleLine(chain, rule, family);
  return { rule, chain, slots, parts: [...parts.values()], isPrinted };
}

/** Where the word goes, unless it is a value of an extension. */
function slotOf(scan: LineScan, word: number, draft: RuleDraft): Slot | undefined {
  const offset = scan.starts[word]!;
  if (draft.chain?.offset === offset) return 'chain';
  if (draft.jumpWord?.offset === offset) return 'jump';
  if (draft.source?.word.offset === offset) return 'source';
  if (draft.destination?.word.offset === offset) return 'destination';
  if (draft.inWord?.offset === offset) return 'inInterface';
  return draft.outWord?.offset === offset ? 'outInterface' : undefined;
}

/** Puts the word into the part of its extension. */
function valueSlot(
  scan: LineScan,
  word: number,
  draft: RuleDraft,
  parts: Map<unknown, PatternPart>,
): 'value' | undefined {
  const offset = scan.starts[word]!;
  for (const [loaded, uses] of draft.uses) {
    for (const [use, { valueWords, spec }] of uses.entries()) {
      const value = valueWords.findIndex((each) => each.offset === offset);
      if (value < 0) continue;
      // Further words of an option, and those it can do without, must not look like options.
      if (scan.classes[word] === 'quoted' && (value > 0 || spec.values.length === 0)) return undefined;
      let part = parts.get(loaded);
      if (part === undefined) {
        const index = draft.scope.matches.indexOf(loaded as (typeof draft.scope.matches)[number]);
        part = new PatternPart(loaded.extension, index, uses, draft.buildContext);
        parts.set(loaded, part);
      }
      part.add(word, use, value, scan.text(word));
      return 'value';
    }
  }
  return undefined;
}
