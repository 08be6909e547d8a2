// The example rulesets of rulesets/: each NAME.rules with what must happen, NAME.packets.

import { readdirSync, readFileSync } from 'node:fs';
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

export function exampleRulesets(): ExampleRuleset[] {
  const names = readdirSync(FOLDER).filter((file) => file.endsWith('.rules'));
  return names.map((file) => {
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    const { ruleset, diagnostics } = parseRuleset(text, { file });
    if (diagnostics.length > 0) throw new Error(`${file}: ${JSON.stringify(diagnostics[0])}`);
    const packetFile = file.replace('.rules', '.packets');
    return {
      name: file.replace('.rules', ''),
      text,
      table: ruleset.tables.find(({ name }) => name === 'filter')!,
      packets: parsePackets(readFileSync(new URL(packetFile, FOLDER), 'utf8'), packetFile),
    };
  });
}
