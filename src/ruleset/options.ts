// The options that every rule may have, and the commands of a rule line (iptables 1.8.9).
//
// All of them are listed, also those not enforced yet: an abbreviation is judged against all names there are.

import type { OptionForm } from '../../grammar/getopt.ts';

export interface BaseOption extends OptionForm {
  readonly owner: 'base';
  readonly letter?: string;
  readonly aliases?: readonly string[];
  readonly role: 'command' | 'setting';
  readonly negatable?: boolean;
  /** Why it cannot stand in a rule line; absent for what works. */
  readonly refused?: 'unsupported' | 'misplaced';
}

const command = (letter: string, name: string, values: string[], more: Partial<BaseOption> = {}): BaseOption => ({
  ...{ owner: 'base', role: 'command', letter, name, values, refused: 'unsupported' },
  ...more,
});

const setting = (letter: string, name: string, values: string[], more: Partial<BaseOption> = {}): BaseOption => ({
  ...{ owner: 'base', role: 'setting', letter, name, values },
  ...more,
});

export const BASE_OPTIONS: readonly BaseOption[] = [
  { owner: 'base', role: 'command', letter: 'A', name: '--append', values: ['chain'] },
  command('D', '--delete', ['chain']),
  command('C', '--check', ['chain']),
  command('I', '--insert', ['chain']),
  command('R', '--replace', ['chain']),
  command('L', '--list', []),
  command('S', '--list-rules', []),
  command('F', '--flush', []),
  command('Z', '--zero', []),
  command('N', '--new-chain', ['chain'], { aliases: ['--new'] }),
  command('X', '--delete-chain', []),
  command('E', '--rename-chain', ['chain']),
  command('P', '--policy', ['chain']),
  setting('s', '--source', ['addressList'], { aliases: ['--src'], negatable: true }),
  setting('d', '--destination', ['addressList'], { aliases: ['--dst'], negatable: true }),
  setting('p', '--protocol', ['protocol'], { aliases: ['--proto'], negatable: true }),
  setting('i', '--in-interface', ['interface'], { negatable: true }),
  setting('o', '--out-interface', ['interface'], { negatable: true }),
  setting('j', '--jump', ['target']),
  setting('g', '--goto', ['target']),
  setting('m', '--match', ['match']),
  setting('f', '--fragments', [], { aliases: ['--fragment'], negatable: true, refused: 'unsupported' }),
  setting('c', '--set-counters', ['counters'], { refused: 'unsupported' }),
  setting('4', '--ipv4', []),
  setting('6', '--ipv6', []),
  setting('h', '--help', [], { refused: 'misplaced' }),
  setting('V', '--version', [], { refused: 'misplaced' }),
  setting('v', '--verbose', [], { refused: 'misplaced' }),
  setting('n', '--numeric', [], { refused: 'misplaced' }),
  setting('x', '--exact', [], { refused: 'misplaced' }),
  { owner: 'base', role: 'setting', name: '--line-numbers', values: [], refused: 'misplaced' },
  setting('t', '--table', [], { refused: 'misplaced' }),
  setting('w', '--wait', [], { refused: 'misplaced' }),
  setting('W', '--wait-interval', [], { refused: 'misplaced' }),
  setting('M', '--modprobe', [], { refused: 'misplaced' }),
];

const byLetter = new Map(BASE_OPTIONS.flatMap((option) => (option.letter ? [[option.letter, option] as const] : [])));

const bySpelling = new Map(
  BASE_OPTIONS.flatMap((option) => [option.name, ...(option.aliases ?? [])].map((name) => [name, option] as const)),
);

/** The option of a letter, or of a name written in full. */
export function baseOption(spelling: string): BaseOption | undefined {
  return byLetter.get(spelling) ?? bySpelling.get(spelling);
}

/** The short form where there is one, for messages. */
export function shortName(option: BaseOption): string {
  return option.letter === undefined ? option.name : `-${option.letter}`;
}
