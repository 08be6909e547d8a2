// What the time match reads: dates, times of day, lists of days. Missing numbers are 0, as strtoul(3) has them.

import { ValueError, type ValueType } from '../extension.ts';
import { scanDecimal, scanNumber } from '../values/scan.ts';

export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

const unsigned32 = (value: bigint) => Number(BigInt.asUintN(32, value));

/** The parts of a date, the largest that each may be, and what separates it from the next. */
const DATE_PARTS = [
  { most: 2038, end: '-' },
  { most: 12, end: '-' },
  { most: 31, end: 'T' },
  { most: 23, end: ':' },
  { most: 59, end: ':' },
  { most: 59, end: '' },
] as const;

/** Seconds since 1970, of 2038 too; a month or day 0 is the last one before. */
export const date: ValueType<number> = {
  placeholder: 'YYYY[-MM[-DD[Thh[:mm[:ss]]]]]',
  parse(text) {
    const fields = readDate(text);
    if (fields === undefined || fields[0]! < 1970) {
      throw new ValueError(`Invalid date "${text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`);
    }
    const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = fields as [number, ...number[]];
    const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
    if (seconds < 0) throw new ValueError('mktime returned an error');
    return seconds;
  },
};

/** The numbers as far as they go. */
function readDate(text: string): number[] | undefined {
  const fields: number[] = [];
  let left = text;
  for (const { most, end } of DATE_PARTS) {
    const { value, rest } = scanDecimal(left);
    const field = unsigned32(value);
    if (field > most) return undefined;
    fields.push(field);
    if (rest === '') return fields;
    if (end === '' || !rest.startsWith(end)) return undefined;
    left = rest.slice(1);
  }
  return undefined;
}

/** Seconds of the day. */
export const clockTime: ValueType<number> = {
  placeholder: 'hh:mm[:ss]',
  parse(text) {
    let left = text;
    const fields: number[] = [];
    for (const most of [23, 59, 59]) {
      const { value, rest } = scanDecimal(left);
      const field = unsigned32(value);
      const isLast = fields.length === 2;
      const goesOn = rest.startsWith(':') && !isLast;
      // Hours alone are no time.
      if (field > most || !(goesOn || (rest === '' && fields.length > 0))) {
        throw new ValueError(`invalid time "${left}" specified, should be hh:mm[:ss] format and within the boundaries`);
      }
      fields.push(field);
      if (!goesOn) break;
      left = rest.slice(1);
    }
    const [hour, minute, second = 0] = fields as [number, number, number?];
    return hour * 3600 + minute * 60 + second;
  },
};

/** The items of a list, of which so many bytes count; one comma at the end stands for nothing. */
function items(text: string, size: number): string[] {
  if (text === '') return [];
  return text
    .replace(/,$/, '')
    .split(',')
    .map((item) => item.slice(0, size));
}

/** A whole number as strtoul(3) with base 0 reads it; nothing is 0. */
function wholeNumber(item: string): number | undefined {
  const scanned = item === '' ? { value: 0n, rest: '' } : scanNumber(item, 0n, 0xffffffffn);
  return scanned?.rest === '' ? Number(scanned.value) : undefined;
}

/** Days of the month; 0 is none of them. */
export const monthDays: ValueType<readonly number[]> = {
  placeholder: 'day[,day]...',
  parse: (text) =>
    items(text, 2).map((item) => {
      const day = wholeNumber(item);
      if (day === undefined || day > 31) throw new ValueError(`${item} is not a valid day for --monthdays`);
      return day;
    }),
};

/** Days of the week, 1 is Monday; by number or by a name of which two letters count. Numbers of no day are none. */
export const weekDays: ValueType<readonly number[]> = {
  placeholder: 'day[,day]...',
  parse: (text) =>
    items(text, 3).map((item) => {
      const number = wholeNumber(item);
      if (number === 0) throw new ValueError('No, the week does NOT begin with Sunday.');
      // A shift by the number sets the day's bit, and the processor shifts by the low five bits alone.
      if (number !== undefined) return number % 32;
      const day = WEEKDAYS.findIndex((name) => item.length >= 2 && name.startsWith(item.slice(0, 2)));
      if (day < 0) throw new ValueError(`${item} is not a valid day specifier`);
      return day + 1;
    }),
};
