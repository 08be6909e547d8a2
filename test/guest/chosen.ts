// Which tests run on which kernel. Emulation is slow, so not all do.

/** Files, as vitest takes them, and perhaps a pattern for the names of their tests. */
export interface Chosen {
  readonly files: readonly string[];
  readonly names?: string;
}

const DEVICES = 'test/guest/tests';

export const CHOSEN: Readonly<Record<string, readonly Chosen[]>> = {
  '6.12': [
    {
      files: [
        'test/kernel/edge/',
        'test/kernel/rulesets',
        'test/kernel/xdp-shapes',
        'test/kernel/walk-around',
        'test/kernel/early.test',
        'test/kernel/early-flood',
        'test/kernel/connections',
        'test/kernel/families',
        'test/kernel/hardship',
        'test/kernel/segments',
        'test/kernel/finishes',
        'test/kernel/ipv6',
        'test/kernel/non-linear',
        'test/kernel/verification',
        DEVICES,
      ],
    },
  ],
  // Without netfilter programs: what is at placement `xdp`, and what needs no programs.
  '6.1': [
    {
      files: [
        'test/kernel/edge/',
        'test/kernel/xdp-shapes',
        'test/kernel/walk-around',
        'test/kernel/segments',
        'test/kernel/finishes',
        'test/kernel/verification',
        'test/kernel/hardship',
        DEVICES,
      ],
      names: '^(?!.*(netfilter|exact))',
    },
  ],
};
