// The forms of what `bpfilter` prints with --json. Counters are decimal strings: they exceed what a JSON number holds.

import { z } from 'zod';
import { FAMILIES } from '../base/family.ts';
import { FINISHES } from '../classify/make-finish.ts';
import { LATE_REASONS } from '../engine/explain-early.ts';
import { EARLY, INEXACT, MODES, PLACEMENTS } from './config.ts';

const decimal = z.string().regex(/^-?\d+$/);
const counters = z.strictObject({ packets: decimal, bytes: decimal });
const family = z.enum(FAMILIES);
const hook = z.enum(['INPUT', 'FORWARD', 'OUTPUT']);

const diagnostic = z.strictObject({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  message: z.string(),
  file: z.string(),
  span: z.strictObject({ line: z.int(), column: z.int(), length: z.int() }),
  hint: z.string().optional(),
});

/** `bpfilter apply --json` */
export const applyOutput = z.discriminatedUnion('ok', [
  z.strictObject({
    ok: z.literal(true),
    family,
    /** 0 with --test and at placement none: nothing was brought into force. */
    generation: z.int(),
    placement: z.enum(PLACEMENTS),
    devices: z.array(z.string()),
    mode: z.enum(MODES),
    /** At placement exact. */
    early: z.enum(EARLY).optional(),
    allowInexact: z.array(z.enum(INEXACT)),
    diagnostics: z.array(diagnostic),
    notes: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
  z.strictObject({ ok: z.literal(false), diagnostics: z.array(diagnostic) }),
]);

/** `bpfilter fmt --json`: the ruleset in canonical form. */
export const formatOutput = z.discriminatedUnion('ok', [
  z.strictObject({ ok: z.literal(true), text: z.string() }),
  z.strictObject({ ok: z.literal(false), diagnostics: z.array(diagnostic) }),
]);

const lineOfRule = { rule: z.string(), line: z.int() };

/** How packets are looked up in a list of rules. */
const segment = z.strictObject({
  segment: z.int(),
  finish: z.enum(FINISHES),
  /** 0 where the segment asks for the shape of the packet. */
  decisions: z.int(),
  /** Table elements, nodes and entries that most packets touch, without counters. */
  loads: z.int(),
  /** Bytes of its tables; segments may share some. */
  bytes: z.int(),
  /** What the finish is made of. */
  detail: z.string().optional(),
  lookups: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.string(),
      conditions: z.int(),
      classes: z.int(),
      loads: z.int(),
      bytes: z.int(),
    }),
  ),
  tables: z.array(z.strictObject({ name: z.string(), offset: z.int(), bytes: z.int() })),
  /** Better finishes that were not taken. */
  refused: z.array(z.strictObject({ finish: z.enum(FINISHES), reason: z.string() })),
});

/** `bpfilter explain --json`: how packets find their rules. */
export const explainOutput = z.discriminatedUnion('ok', [
  z.strictObject({
    ok: z.literal(true),
    hooks: z.array(
      z.strictObject({
        hook,
        /** Where its packets are judged; empty where nobody does. */
        at: z.array(z.enum(['xdp', 'netfilter'])),
        /** Rules that its packets may meet. */
        rules: z.int(),
        /** Tests, where few rules are asked one after the other; there are no segments then. */
        tests: z.int().optional(),
        segments: z.array(segment),
      }),
    ),
    tableBytes: z.int(),
    /** Rules that no packet meets. */
    unmet: z.array(
      z.strictObject({
        kind: z.enum(['contradiction', 'duplicate', 'shadowed', 'unreachable']),
        ...lineOfRule,
        by: z.strictObject(lineOfRule).optional(),
      }),
    ),
    passes: z.array(
      z.strictObject({
        pass: z.string(),
        about: z.string(),
        testsBefore: z.int(),
        testsAfter: z.int(),
        rules: z.array(z.strictObject({ rule: z.string(), testsBefore: z.int(), testsAfter: z.int() })),
      }),
    ),
    /** At placement exact: what is dropped before netfilter. */
    early: z
      .strictObject({
        /** Facts of the network namespace with --here, else of an assumed host. */
        facts: z.enum(['here', 'assumed']),
        /** Why nothing is dropped early. */
        none: z.string().optional(),
        /** Whether packets of connections are left to netfilter. */
        tracked: z.boolean(),
        /** Which packets are left to netfilter for rules of others, in words. */
        notes: z.array(z.string()),
        segments: z.array(segment),
        tableBytes: z.int(),
        /** With --here: the mode of each device and why, or why it is left out. */
        devices: z.array(
          z.strictObject({ name: z.string(), mode: z.enum(['native', 'generic']).optional(), why: z.string() }),
        ),
        /** Each rule and policy. */
        rules: z.array(
          z.strictObject({
            ...lineOfRule,
            chain: z.string(),
            /** Why packets that meet it are left to netfilter; absent where some are dropped early. */
            late: z.enum(LATE_REASONS).optional(),
            by: z.strictObject(lineOfRule).optional(),
            asksState: z.boolean().optional(),
          }),
        ),
      })
      .optional(),
  }),
  z.strictObject({ ok: z.literal(false), diagnostics: z.array(diagnostic) }),
]);

/** `generation` is 0 where nothing is enforced. */
const familyStatus = z.strictObject({
  generation: z.int(),
  placement: z.enum(PLACEMENTS).optional(),
  rules: z.int(),
  hooks: z.array(z.strictObject({ hook, attached: z.boolean(), priority: z.int().optional() })),
  devices: z.array(
    z.strictObject({
      name: z.string(),
      ifindex: z.int(),
      mode: z.enum(['native', 'generic']).optional(),
      /** Why that mode. */
      why: z.string().optional(),
      note: z.string().optional(),
    }),
  ),
  dropped: z.strictObject({ emptySlot: decimal, undecided: decimal }),
  /** `choice` is what was asked for, `waiting` why there are no early drops now, `outdated` what programs are not told of, `none` why the rules make none, `left` what they leave. */
  early: z
    .strictObject({
      choice: z.enum(EARLY),
      dropped: decimal,
      waiting: z.string().optional(),
      outdated: z.string().optional(),
      none: z.string().optional(),
      left: z.string().optional(),
    })
    .optional(),
  /** Devices that were asked for and have no early drops. */
  leftOut: z.array(z.strictObject({ name: z.string(), why: z.string() })).optional(),
});

/** `bpfilter status --json` */
export const statusOutput = z.strictObject({
  namespace: z.strictObject({ cookie: z.string(), name: z.string().optional() }),
  families: z.strictObject({ ipv4: familyStatus, ipv6: familyStatus }),
  warnings: z.array(z.string()),
  others: z.array(
    z.strictObject({
      cookie: z.string(),
      name: z.string().optional(),
      generations: z.strictObject({ ipv4: z.int(), ipv6: z.int() }),
    }),
  ),
});

/** `bpfilter counters --json`: nothing is enforced where `generation` is 0, nothing kept where `placement` is absent. */
export const countersOutput = z.strictObject({
  family,
  generation: z.int(),
  placement: z.enum(PLACEMENTS).optional(),
  chains: z.array(
    z.strictObject({
      chain: z.string(),
      policy: z.strictObject({ verdict: z.enum(['ACCEPT', 'DROP']), ...counters.shape }).optional(),
      rules: z.array(z.strictObject({ rule: z.string(), ...counters.shape })),
    }),
  ),
});

export type ApplyOutput = z.infer<typeof applyOutput>;
export type FormatOutput = z.infer<typeof formatOutput>;
export type ExplainOutput = z.infer<typeof explainOutput>;
export type StatusOutput = z.infer<typeof statusOutput>;
export type CountersOutput = z.infer<typeof countersOutput>;
