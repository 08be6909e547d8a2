// `-j MARK`: sets bits of the packet's mark. Kernel: net/netfilter/xt_mark.c, revision 2.

import { ExtensionError, type OptionSpec, type OptionUse, type TargetExtension } from '../extension.ts';
import { hex } from '../print-words.ts';
import { type Masked, mark as markValue, uint32 } from '../values/integer.ts';

/** The bits of `mask` are cleared, then those of `value` flipped: what every one of the options comes down to. */
export type MarkData = Masked;

const MARK_OPTION_NAMES = ['--set-xmark', '--set-mark', '--and-mark', '--or-mark', '--xor-mark'];

/** Of these only one can be given, besides `copies`: in the order in which iptables looks for another. */
export function exclusive(copies: readonly string[] = []): readonly string[] {
  return ['--set-mark', ...copies, '--and-mark', '--or-mark', '--xor-mark', '--set-xmark'];
}

/** The options that set a mark; `copies` are further ones that exclude them. */
export function markOptions(copies: readonly string[] = []): readonly OptionSpec[] {
  const abouts = [
    'clears the bits of the mask, then flips those of the value',
    'clears the bits of the mask, then sets those of the value',
    'clears all but these bits',
    'sets these bits',
    'flips these bits',
  ];
  return MARK_OPTION_NAMES.map((name, i) => ({
    name,
    values: [i < 2 ? markValue : uint32],
    excludes: exclusive(copies).filter((other) => other !== name),
    about: abouts[i]!,
  }));
}

/** What one of `markOptions` does; `undefined` for another option. */
export function markOf({ name, values }: OptionUse): MarkData | undefined {
  const bits = values[0] as number;
  switch (name) {
    case '--set-xmark':
      return values[0] as Masked;
    case '--set-mark': {
      const { value, mask } = values[0] as Masked;
      return { value, mask: (value | mask) >>> 0 };
    }
    case '--and-mark':
      return { value: 0, mask: ~bits >>> 0 };
    case '--or-mark':
      return { value: bits, mask: bits };
    case '--xor-mark':
      return { value: bits, mask: 0 };
  }
  return undefined;
}

/** `set 0x1`: the shortest way to say it. */
export function listMark({ value, mask }: MarkData): string {
  if (value === 0) return `and ${hex(~mask >>> 0)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  if (mask === 0xffffffff) return `set ${hex(value)}`;
  return `xset ${hex(value)}/${hex(mask)}`;
}

export const printMark = ({ value, mask }: MarkData): string[] => ['--set-xmark', `${hex(value)}/${hex(mask)}`];

export const markTarget: TargetExtension<MarkData> = {
  kind: 'target',
  name: 'MARK',
  about: "sets bits of the packet's mark",
  options: markOptions(),
  build(options) {
    const [use] = options;
    if (use !== undefined) return markOf(use)!;
    const message = 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required';
    throw new ExtensionError('missing-option', message);
  },
  print: printMark,
  list: (data) => `MARK ${listMark(data)}`,
};
