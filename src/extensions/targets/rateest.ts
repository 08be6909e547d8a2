// `-j RATEEST`: feeds a rate estimator. Kernel: net/netfilter/xt_RATEEST.c, net/core/gen_estimator.c.

import { ExtensionError, type OptionUse, type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue } from '../uses.ts';
import { keptText } from '../values/kept-text.ts';
import { microseconds, showMicroseconds } from '../values/microseconds.ts';

export interface RateestTargetData {
  readonly name: string;
  /** The kernel measures every 2 ** interval seconds, −2 to 3. */
  readonly interval: number;
  /** It averages over 2 ** ewmaLog measurements, 1 to 29. */
  readonly ewmaLog: number;
}

/** What the kernel keeps of a name, in bytes (IFNAMSIZ less the final zero). */
const NAME_LIMIT = 15;

const SECOND = 1_000_000;

function time(what: string): ValueType<number> {
  return {
    placeholder: 'time',
    parse(text) {
      const found = microseconds(text);
      if (found === undefined) throw new ValueError(`RATEEST: bad ${what} value "${text}"`);
      return found;
    },
  };
}

export const rateestTarget: TargetExtension<RateestTargetData> = {
  kind: 'target',
  name: 'RATEEST',
  about: 'feeds a rate estimator, for the match rateest',
  options: [
    {
      name: '--rateest-name',
      values: [keptText(NAME_LIMIT, 0, 'name')],
      required: true,
      about: "the estimator's name",
    },
    {
      ...{ name: '--rateest-interval', values: [time('interval')], required: true },
      about: 'time between measurements, 250ms to 8s',
    },
    {
      ...{ name: '--rateest-ewmalog', values: [time('ewmalog')], required: true },
      about: 'time over which is averaged',
    },
  ],
  precheck: (options) => void settingsOf(options),
  build: (options) => ({ name: firstValue<string>(options, '--rateest-name')!, ...settingsOf(options) }),
  print: (data) => ['--rateest-name', bareText(data.name), ...printTimes(data)],
  list({ name, interval, ewmaLog }) {
    const measured = SECOND * 2 ** interval;
    const averaged = Number(BigInt.asUintN(32, BigInt(measured) << BigInt(ewmaLog)));
    return `name ${name} interval ${showMicroseconds(measured)} ewmalog ${showMicroseconds(averaged)}`;
  },
};

/** What is missing counts as 0: iptables computes before it looks for what must be there. */
function settingsOf(options: readonly OptionUse[]): { readonly interval: number; readonly ewmaLog: number } {
  const interval = firstValue<number>(options, '--rateest-interval') ?? 0;
  const average = firstValue<number>(options, '--rateest-ewmalog') ?? 0;
  return { interval: intervalFor(interval), ewmaLog: ewmaLogFor(interval, average) };
}

/** The shortest interval that is not shorter than what is asked for. */
function intervalFor(asked: number): number {
  for (let interval = -2; interval <= 3; interval++) if (asked <= SECOND * 2 ** interval) return interval;
  throw new ExtensionError('bad-value', 'RATEEST: interval value is too large', '--rateest-interval');
}

/** The largest average of which the time constant, interval / −ln(1 − 2 ** −log), is not above what is asked for. */
function ewmaLogFor(interval: number, asked: number): number {
  let log = 1;
  while (log < 31 && interval / -Math.log(1 - 2 ** -log) <= asked) log++;
  if (log > 1 && log < 31) return log - 1;
  throw new ExtensionError('bad-value', 'RATEEST: ewmalog value is out of range', '--rateest-ewmalog');
}

/**
 * iptables prints the interval, and the average in 32 bits of microseconds. Where that is not enough, it took a shorter
 * interval to get there; such a one is printed then, so that it reads back.
 */
function printTimes({ interval, ewmaLog }: RateestTargetData): string[] {
  const measured = SECOND * 2 ** interval;
  const longest = Math.floor(0xffffffff / 2 ** ewmaLog);
  const show = measured <= longest ? showMicroseconds : (time: number) => `${time}us`;
  const time = Math.min(measured, longest);
  return ['--rateest-interval', show(time), '--rateest-ewmalog', show(time * 2 ** ewmaLog)];
}
