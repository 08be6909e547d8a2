// `-j CONNMARK`: sets the connection's mark, or copies between it and the packet's. Kernel: net/netfilter/xt_connmark.c,
// revision 2.

import { ExtensionError, type OptionUse, type TargetExtension } from '../extension.ts';
import { hex } from '../print-words.ts';
import { integer, uint32 } from '../values/integer.ts';
import { exclusive, listMark, markOf, markOptions, printMark } from './mark.ts';

export interface ConnmarkData {
  readonly mode: 'set' | 'save' | 'restore';
  /** The value to set; 0 where one is copied. */
  readonly mark: number;
  readonly ctmask: number;
  /** All bits where a value is set: the packet's mark has no part in it. */
  readonly nfmask: number;
  /** How far the mark is shifted when it is set or copied: to the left, below 0 to the right. */
  readonly shift: number;
}

const ALL = 0xffffffff;

const NOTHING: ConnmarkData = { mode: 'set', mark: 0, ctmask: ALL, nfmask: ALL, shift: 0 };

const COPIES = ['--save-mark', '--restore-mark'];

export const connmarkTarget: TargetExtension<ConnmarkData> = {
  kind: 'target',
  name: 'CONNMARK',
  about: "sets the connection's mark, or copies it to or from the packet's",
  options: [
    ...markOptions(COPIES),
    copyOption('--save-mark', "copies the packet's mark to the connection's"),
    copyOption('--restore-mark', "copies the connection's mark to the packet's"),
    { name: '--left-shift-mark', values: [integer(32)], about: 'shifts the mark to the left by so many bits' },
    { name: '--right-shift-mark', values: [integer(32)], about: 'shifts the mark to the right by so many bits' },
    { name: '--ctmask', values: [uint32], excludes: ['--mask'], about: "bits of the connection's mark" },
    { name: '--nfmask', values: [uint32], excludes: ['--mask'], about: "bits of the packet's mark" },
    { name: '--mask', values: [uint32], excludes: ['--ctmask', '--nfmask'], about: 'bits of both marks' },
  ],

  precheck(options) {
    if (options.some(({ name }) => exclusive(COPIES).includes(name))) return;
    throw new ExtensionError('missing-option', 'CONNMARK target: No operation specified');
  },

  /** In the order of the options: masks and values use the same fields, and the later one wins. */
  build(options) {
    const data: ConnmarkData = Object.assign({ ...NOTHING }, ...options.map(changeOf));
    return data.mode === 'set' ? { ...data, nfmask: ALL } : data;
  },

  check({ shift }) {
    return Math.abs(shift) > 31 ? 'CONNMARK can shift by 31 bits at most' : undefined;
  },

  print({ mode, mark, ctmask, nfmask, shift }) {
    const words =
      mode === 'set'
        ? printMark({ value: mark, mask: ctmask })
        : [`--${mode}-mark`, '--nfmask', hex(nfmask), '--ctmask', hex(ctmask)];
    return [...words, ...shiftWords(shift, '--')];
  },

  list(data) {
    const what = data.mode === 'set' ? listMark({ value: data.mark, mask: data.ctmask }) : listCopy(data);
    return ['CONNMARK', what, ...shiftWords(data.shift, '')].join(' ');
  },
};

function copyOption(name: string, about: string) {
  return { name, values: [], excludes: exclusive(COPIES).filter((other) => other !== name), about };
}

function changeOf(use: OptionUse): Partial<ConnmarkData> {
  const set = markOf(use);
  if (set !== undefined) return { mode: 'set', mark: set.value, ctmask: set.mask };
  const number = use.values[0] as number;
  switch (use.name) {
    case '--save-mark':
      return { mode: 'save' };
    case '--restore-mark':
      return { mode: 'restore' };
    case '--left-shift-mark':
      return { shift: number };
    case '--right-shift-mark':
      return { shift: number === 0 ? 0 : -number };
    case '--ctmask':
      return { ctmask: number };
    case '--nfmask':
      return { nfmask: number };
    default:
      return { ctmask: number, nfmask: number };
  }
}

/** The mask behind `~` is that of the mark which is written to. */
function listCopy({ mode, ctmask, nfmask }: ConnmarkData): string {
  if (ctmask === ALL && nfmask === ALL) return mode;
  if (ctmask === nfmask) return `${mode} mask ${hex(ctmask)}`;
  return mode === 'save'
    ? `save nfmask ${hex(nfmask)} ctmask ~${hex(ctmask)}`
    : `restore ctmask ${hex(ctmask)} nfmask ~${hex(nfmask)}`;
}

function shiftWords(shift: number, dashes: string): string[] {
  if (shift === 0) return [];
  return [`${dashes}${shift > 0 ? 'left' : 'right'}-shift-mark`, `${Math.abs(shift)}`];
}
