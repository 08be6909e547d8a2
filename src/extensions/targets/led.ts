// `-j LED`: lets a light blink. Kernel: net/netfilter/xt_LED.c.

import { parseValue } from '../../../grammar/parse.ts';
import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { text } from '../values/text.ts';

export interface LedData {
  readonly trigger: string;
  /** Milliseconds; `FOREVER` for a light that stays on. */
  readonly delay: number;
  readonly alwaysBlink: boolean;
}

/** Longest name, in bytes (include/uapi/linux/netfilter/xt_LED.h, less `netfilter-` and the final zero). */
const TRIGGER_LIMIT = 16;

const FOREVER = 0xffffffff;

const delay: ValueType<number> = {
  placeholder: 'milliseconds|inf',
  parse(word) {
    if (word.toLowerCase().startsWith('inf')) return FOREVER;
    const parsed = parseValue('integer', word);
    if (parsed.ok && parsed.node <= BigInt(FOREVER)) return Number(parsed.node);
    throw new ValueError(`Delay value must be within range 0..${FOREVER}`);
  },
};

const quoted = (trigger: string): string => `"${trigger.replace(/["\\]/g, '\\$&')}"`;

export const led: TargetExtension<LedData> = {
  kind: 'target',
  name: 'LED',
  about: 'triggers a light and goes on',
  options: [
    { name: '--led-trigger-id', values: [text({ max: TRIGGER_LIMIT })], required: true, about: 'name of the trigger' },
    { name: '--led-delay', values: [delay], about: 'how long the light stays on' },
    { name: '--led-always-blink', values: [], about: 'turns it off for a moment if it is on' },
  ],
  build: (options) => ({
    trigger: firstValue<string>(options, '--led-trigger-id')!,
    delay: firstValue<number>(options, '--led-delay') ?? 0,
    alwaysBlink: isGiven(options, '--led-always-blink'),
  }),
  /** Where iptables prints a delay as a negative number, which it does not read, this is what it means. */
  print({ trigger, delay, alwaysBlink }) {
    const words = ['--led-trigger-id', quoted(trigger)];
    if (delay !== 0) words.push('--led-delay', delay === FOREVER ? 'inf' : `${delay}`);
    return alwaysBlink ? [...words, '--led-always-blink'] : words;
  },
  list({ trigger, delay, alwaysBlink }) {
    const shown = delay === FOREVER ? 'inf' : `${delay | 0}ms`;
    return `led-trigger-id:${quoted(trigger)} led-delay:${shown}${alwaysBlink ? ' led-always-blink' : ''}`;
  },
};
