// `-m time`: dates, times of day, days of week and month. Kernel: net/netfilter/xt_time.c.

import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { clockTime, date, monthDays, WEEKDAYS, weekDays } from './time-values.ts';

export interface TimeData {
  /** In seconds since 1970, unsigned 32 bits. */
  readonly from: number;
  readonly to: number;
  /** In seconds of the day; may end before it begins, which is the next day. */
  readonly dayStart: number;
  readonly dayStop: number;
  /** 1 is Monday; each in ascending order. A 0 is no day, but what has one is not all days. */
  readonly weekDays: readonly number[];
  readonly monthDays: readonly number[];
  /** In the kernel's time zone, not in UTC. */
  readonly kernelZone: boolean;
  /** A time that runs over midnight belongs to the day on which it begins. */
  readonly contiguous: boolean;
}

const ALWAYS = 0x7fffffff;
const DAY_MOST = 24 * 60 * 60 - 1;

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
const ALL_WEEKDAYS = upTo(7);
const ALL_MONTH_DAYS = upTo(31);

export const time: MatchExtension<TimeData> = {
  kind: 'match',
  name: 'time',
  about: 'matches at certain times, on certain days',
  options: [
    { name: '--datestart', values: [date], about: 'the date it begins' },
    { name: '--datestop', values: [date], about: 'the date it ends' },
    { name: '--timestart', values: [clockTime], about: 'the time of day it begins' },
    { name: '--timestop', values: [clockTime], about: 'the time of day it ends' },
    { name: '--contiguous', values: [], about: 'one piece where the time of day runs over midnight' },
    { name: '--weekdays', values: [weekDays], negatable: true, about: 'the days of the week' },
    { name: '--monthdays', values: [monthDays], negatable: true, about: 'the days of the month' },
    { name: '--localtz', values: [], excludes: ['--utc'], about: 'old name of --kerneltz' },
    { name: '--utc', values: [], excludes: ['--localtz', '--kerneltz'], about: 'times are UTC (default)' },
    { name: '--kerneltz', values: [], excludes: ['--utc'], about: "times are of the kernel's time zone" },
  ],

  precheck(uses) {
    const { start, stop } = dayTime(uses);
    if (!isGiven(uses, '--contiguous') || start >= stop) return;
    const words = 'time: --contiguous only makes sense when stoptime is smaller than starttime';
    throw new ExtensionError('bad-value', words, '--contiguous');
  },

  build(uses) {
    const { start, stop } = dayTime(uses);
    return {
      from: firstValue<number>(uses, '--datestart') ?? 0,
      to: firstValue<number>(uses, '--datestop') ?? ALWAYS,
      dayStart: start,
      dayStop: stop,
      weekDays: days(uses, '--weekdays', ALL_WEEKDAYS),
      monthDays: days(uses, '--monthdays', ALL_MONTH_DAYS),
      kernelZone: isGiven(uses, '--kerneltz') || isGiven(uses, '--localtz'),
      contiguous: isGiven(uses, '--contiguous'),
    };
  },

  /** The end is there even where none was given; iptables forgets one at the very beginning. */
  print(data) {
    const words: string[] = [];
    if (isPartOfDay(data)) words.push('--timestart', clock(data.dayStart), '--timestop', clock(data.dayStop));
    if (!isAll(data.monthDays, 31)) words.push('--monthdays', saved(data.monthDays, '0', String));
    if (!isAll(data.weekDays, 7)) words.push('--weekdays', saved(data.weekDays, '32', weekDayName));
    if (data.from !== 0) words.push('--datestart', dateText(data.from, 'T'));
    words.push('--datestop', dateText(data.to, 'T'));
    if (data.kernelZone) words.push('--kerneltz');
    if (data.contiguous) words.push('--contiguous');
    return words;
  },

  list(data) {
    const words = ['TIME'];
    if (isPartOfDay(data)) words.push(`from ${clock(data.dayStart)} to ${clock(data.dayStop)}`);
    if (!isAll(data.weekDays, 7)) words.push(`on ${shown(data.weekDays, weekDayName)}`);
    if (!isAll(data.monthDays, 31)) words.push(`on ${shown(data.monthDays, ordinal)}`);
    if (data.from !== 0) words.push(`starting from ${dateText(data.from, ' ')}`);
    if (data.to !== ALWAYS) words.push(data.to === 0 ? 'until date' : `until date ${dateText(data.to, ' ')}`);
    if (!data.kernelZone) words.push('UTC');
    if (data.contiguous) words.push('contiguous');
    return words.join(' ');
  },
};

function dayTime(uses: readonly OptionUse[]) {
  const start = firstValue<number>(uses, '--timestart') ?? 0;
  return { start, stop: firstValue<number>(uses, '--timestop') ?? DAY_MOST };
}

function days(uses: readonly OptionUse[], name: string, all: readonly number[]): readonly number[] {
  const use = uses.find((each) => each.name === name);
  const given = use?.values[0] as readonly number[] | undefined;
  if (given === undefined) return all;
  const chosen = all.filter((day) => given.includes(day) !== use!.negated);
  return given.includes(0) ? [0, ...chosen] : chosen;
}

function isPartOfDay({ dayStart, dayStop }: TimeData): boolean {
  return dayStart !== 0 || dayStop !== DAY_MOST;
}

function isAll(days: readonly number[], last: number): boolean {
  return days.length === last && days[0] === 1;
}

function shown(days: readonly number[], name: (day: number) => string): string {
  return days
    .filter((day) => day !== 0)
    .map((day) => name(day))
    .join(',');
}

/** Likewise with what iptables reads as the 0, and quotes where nothing is left: it prints neither. */
function saved(days: readonly number[], zero: string, name: (day: number) => string): string {
  return days.map((day) => (day === 0 ? zero : name(day))).join(',') || '""';
}

function weekDayName(day: number): string {
  return WEEKDAYS[day - 1]!;
}

function clock(seconds: number): string {
  const two = (value: number) => `${value}`.padStart(2, '0');
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
}

function dateText(seconds: number, between: string): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', between);
}

/** As iptables has it: 11st, 12nd, 13rd. */
function ordinal(day: number): string {
  return `${day}${['th', 'st', 'nd', 'rd'][day % 10] ?? 'th'}`;
}
