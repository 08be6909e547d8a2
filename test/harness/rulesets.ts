// The example rulesets of rulesets/: each NAME.rules with what must happen, NAME.packets; NAME.rules6 and NAME.packets6 for
// IPv6.

import { readdirSync, readFileSync } from 'node:fs';
import type { Family } from '../../src/base/family.ts';
import type { Table } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { type CasePacket, parsePackets } from './case-file.ts';

const FOLDER = new URL('../../rulesets/', import.meta.url);

export interface ExampleRuleset {
  readonly name: string;
  readonly text: string;
  /** The filter table. */
  readonly table: Table;
  readonly packets: readonly CasePacket[];
}

const ENDINGS: Readonly<Record<Family, readonly [rules: string, packets: string]>> = {
  ipv4: ['.rules', '.packets'],
  ipv6: ['.rules6', '.packets6'],
};

export function exampleRulesets(family: Family = 'ipv4'): ExampleRuleset[] {
  const [rules, packets] = ENDINGS[family];
  const names = readdirSync(FOLDER).filter((file) => file.endsWith(rules));
  return names.map((file) => {
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    const { ruleset, diagnostics } = parseRuleset(text, { file, family });
    if (diagnostics.length > 0) throw new Error(`${file}: ${JSON.stringify(diagnostics[0])}`);
    const packetFile = file.replace(rules, packets);
    return {
      name: file.replace(rules, ''),
      text,
      table: ruleset.tables.find(({ name }) => name === 'filter')!,
      packets: parsePackets(readFileSync(new URL(packetFile, FOLDER), 'utf8'), packetFile),
    };
  });
}
