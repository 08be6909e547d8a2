// `-m sctp`: ports and chunks of SCTP. Kernel: net/netfilter/xt_sctp.c.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { choiceAnyCase } from '../values/choice.ts';
import { portRange } from '../values/port.ts';
import { buildKeptPorts, type KeptPorts, listKeptPorts, printKeptPorts } from './ports.ts';
import { type ChunkList, chunkList, chunkListText } from './sctp-chunks.ts';

const HOWS = ['all', 'any', 'only'] as const;

interface ChunkCondition extends ChunkList {
  /** All of the list are in the packet, any of them, or nothing but them. */
  readonly how: (typeof HOWS)[number];
  readonly negated: boolean;
}

export interface SctpData extends KeptPorts {
  readonly chunks?: ChunkCondition;
}

const how = choiceAnyCase(HOWS, () => 'Match type has to be one of "ALL", "ANY" or "ONLY"');

export const sctp: MatchExtension<SctpData> = {
  kind: 'match',
  name: 'sctp',
  about: 'ports and chunks of SCTP',
  protocols: [132],
  options: [
    {
      ...{ name: '--source-port', aliases: ['--sport'], values: [portRange('sctp')], negatable: true },
      messages: { repeated: "Only one `--source-port' allowed" },
      about: 'source port or range',
    },
    {
      ...{ name: '--destination-port', aliases: ['--dport'], values: [portRange('sctp')], negatable: true },
      messages: { repeated: "Only one `--destination-port' allowed" },
      about: 'destination port or range',
    },
    {
      ...{ name: '--chunk-types', values: [how, chunkList], negatable: true },
      messages: {
        missing: '--chunk-types requires two args',
        repeated: "Only one `--chunk-types' allowed",
      },
      about: 'all or any of the chunks of a list are there, or only such',
    },
  ],

  build(options) {
    const use = useOf(options, '--chunk-types');
    const chunks = use && {
      how: use.values[0] as ChunkCondition['how'],
      ...(use.values[1] as ChunkList),
      negated: use.negated,
    };
    return { ...buildKeptPorts(options), ...(chunks && { chunks }) };
  },

  print(data) {
    const { chunks } = data;
    const words = chunks ? negatable(chunks.negated, '--chunk-types', chunks.how, chunkListText(chunks)) : [];
    return [...printKeptPorts(data), ...words];
  },

  list(data, context) {
    const { chunks } = data;
    const shown = chunks && `${chunks.negated ? ' !' : ''} ${chunks.how} ${chunkListText(chunks, context.numeric)}`;
    return `sctp${listKeptPorts(data, 'sctp', context)}${shown ?? ''}`;
  },
};
