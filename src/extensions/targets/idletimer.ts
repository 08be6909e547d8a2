// `-j IDLETIMER`: a timer that packets wind up again. Kernel: net/netfilter/xt_IDLETIMER.c, revision 1.

import type { TargetExtension } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { uint32 } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';

export interface IdletimerData {
  /** Seconds. */
  readonly timeout: number;
  readonly label: string;
  readonly alarm: boolean;
}

/** What the kernel keeps of a label, in bytes (include/uapi/linux/netfilter/xt_IDLETIMER.h, less the final zero). */
const LABEL_LIMIT = 27;

/** The timeout in milliseconds must be an int. */
const TIMEOUT_LIMIT = Math.floor(0x7fffffff / 1000);

/** Labels are files of sysfs, beside these. */
const TAKEN = ['', '.', '..', 'power', 'subsystem', 'uevent'];

export const idletimer: TargetExtension<IdletimerData> = {
  kind: 'target',
  name: 'IDLETIMER',
  about: 'reports when no packet has come for a while',
  options: [
    { name: '--timeout', values: [uint32], required: true, about: 'how long, in seconds' },
    { name: '--label', values: [keptText(LABEL_LIMIT, 0, 'name')], required: true, about: "the timer's name" },
    { name: '--alarm', values: [], about: 'counts the time during which the machine sleeps' },
  ],
  build: (options) => ({
    timeout: firstValue<number>(options, '--timeout')!,
    label: firstValue<string>(options, '--label')!,
    alarm: isGiven(options, '--alarm'),
  }),
  check({ timeout, label }) {
    if (timeout === 0 || timeout >= TIMEOUT_LIMIT) return `IDLETIMER takes timeouts from 1 to ${TIMEOUT_LIMIT - 1}`;
    const isFile = !TAKEN.includes(label) && !label.includes('/');
    return isFile ? undefined : `IDLETIMER cannot have the label "${label}"`;
  },
  print: ({ timeout, label, alarm }) => [
    ...['--timeout', `${timeout}`, '--label', bareText(label)],
    ...(alarm ? ['--alarm'] : []),
  ],
  list: ({ timeout, label, alarm }) => `timeout:${timeout} label:${label}${alarm ? ' alarm' : ''}`,
};
