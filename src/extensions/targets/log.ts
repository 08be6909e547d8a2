// `-j LOG`: writes the packet to the kernel's log. Kernel: net/netfilter/xt_LOG.c.

import { parseValue } from '../../../grammar/parse.ts';
import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { quoteText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { logPrefix } from '../values/log-prefix.ts';

export interface LogData {
  /** Empty for none. */
  readonly prefix: string;
  /** 0–7 (syslog(3)). */
  readonly level: number;
  /** Options of `FLAGS` in use, as the kernel's bits. */
  readonly flags: number;
}

/** What the kernel keeps of a prefix, in bytes (include/uapi/linux/netfilter/xt_LOG.h, less the final zero). */
const PREFIX_LIMIT = 29;

const WARNING = 4;

/** Names that `--log-level` takes, in full only. */
const LEVELS: ReadonlyMap<string, number> = new Map(
  Object.entries({ emerg: 0, panic: 0, alert: 1, crit: 2, error: 3, warning: WARNING, notice: 5, info: 6, debug: 7 }),
);

/** Names that -L shows. */
const SHOWN_LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

/** Kernel's bit of each flag, in the order in which iptables prints them (include/uapi/linux/netfilter/nf_log.h). */
const FLAGS: readonly (readonly [bit: number, name: string, about: string])[] = [
  [0x01, 'tcp-sequence', 'logs TCP sequence numbers'],
  [0x02, 'tcp-options', 'logs TCP options'],
  [0x04, 'ip-options', 'logs IP options or extension headers'],
  [0x08, 'uid', 'logs the user of the local socket'],
  [0x20, 'macdecode', 'logs hardware addresses and protocol apart'],
];

const level: ValueType<number> = {
  placeholder: 'level',
  parse(text) {
    const parsed = parseValue('integer', text);
    const number = parsed.ok ? Number(parsed.node) : LEVELS.get(text);
    if (number !== undefined && number <= 7) return number;
    throw new ValueError(`log level "${text}" unknown`);
  },
};

export const log: TargetExtension<LogData> = {
  kind: 'target',
  name: 'LOG',
  about: "writes the packet to the kernel's log and goes on",
  options: [
    { name: '--log-level', values: [level], about: 'level of syslog, by number or name; warning if not given' },
    { name: '--log-prefix', values: [logPrefix(PREFIX_LIMIT)], about: 'text in front, up to 29 bytes' },
    ...FLAGS.map(([, name, about]) => ({ name: `--log-${name}`, values: [], about })),
  ],
  build: (options) => ({
    prefix: firstValue<string>(options, '--log-prefix') ?? '',
    level: firstValue<number>(options, '--log-level') ?? WARNING,
    flags: FLAGS.reduce((bits, [bit, name]) => (isGiven(options, `--log-${name}`) ? bits | bit : bits), 0),
  }),
  print({ prefix, level, flags }) {
    const words = prefix === '' ? [] : ['--log-prefix', quoteText(prefix)];
    if (level !== WARNING) words.push('--log-level', `${level}`);
    return [...words, ...namesOf(flags).map((name) => `--log-${name}`)];
  },
  list({ prefix, level, flags }, { numeric }) {
    const shown = numeric ? [`flags ${flags} level ${level}`] : [`level ${SHOWN_LEVELS[level]}`, ...namesOf(flags)];
    return ['LOG', ...shown, ...(prefix === '' ? [] : [`prefix "${prefix}"`])].join(' ');
  },
};

function namesOf(flags: number): string[] {
  return FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);
}
