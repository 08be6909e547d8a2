// placeholder until the fast way is here
import type { Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import type { TableDraft } from './draft.ts';
import type { Rule } from './model.ts';

export class RuleShapes {
  constructor(_family: Family, _names: Names, _counters: boolean) {}
  instantiate(_line: string, _table: TableDraft, _lineNumber: number): { chain: string; rule: Rule } | undefined {
    return undefined;
  }
  learn(_line: string, _rule: Rule): void {}
}
