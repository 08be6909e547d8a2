// A command line read as getopt_long(3) does: bundled short options, unambiguous beginnings of long ones, `--name=value`,
// `--` before plain words. Only reading: what a word means, and in which words an error is told, is the command's affair.

export interface OptionDefinition {
  /** One letter; absent where there is only the long form. */
  readonly short?: string;
  /** Without dashes. */
  readonly long: string;
  /** `optional` takes an argument only from the same word: `-w5`, `--wait=5`. */
  readonly argument: 'none' | 'required' | 'optional';
  /** What it takes and what it is for, as -h and the manual show it; without a text it is not shown. */
  readonly value?: string;
  readonly about?: string;
}

type Problem = 'unknown' | 'ambiguous' | 'argument-missing' | 'argument-forbidden';

export type Item =
  | { readonly kind: 'option'; readonly name: string; readonly value?: string }
  | { readonly kind: 'word'; readonly word: string; readonly afterDashes: boolean }
  | {
      readonly kind: 'problem';
      readonly problem: Problem;
      /** As given, without `=value`: `-q`, `--nope`. */
      readonly option: string;
      /** For `ambiguous`: the long names it may stand for. */
      readonly possibilities: readonly string[];
    };

export class OptionReader {
  private readonly words: readonly string[];
  private readonly definitions: readonly OptionDefinition[];
  private index = 0;
  /** Letters of a bundle that are still to be read. */
  private bundle = '';
  private afterDashes = false;

  constructor(words: readonly string[], definitions: readonly OptionDefinition[]) {
    this.words = words;
    this.definitions = definitions;
  }

  /** The next option or plain word, in the order given; `undefined` at the end. */
  next(): Item | undefined {
    if (this.bundle !== '') return this.short();
    const word = this.words[this.index];
    if (word === undefined) return undefined;
    this.index++;
    if (this.afterDashes || word === '-' || !word.startsWith('-')) {
      return { kind: 'word', word, afterDashes: this.afterDashes };
    }
    if (word === '--') {
      this.afterDashes = true;
      return this.next();
    }
    if (word.startsWith('--')) return this.long(word);
    this.bundle = word.slice(1);
    return this.short();
  }

  /** Takes the next word where it is neither an option nor `!`: the free arguments of iptables' commands. */
  takeWord(): string | undefined {
    const word = this.words[this.index];
    if (this.bundle !== '' || this.afterDashes || word === undefined || /^[-!]/.test(word)) return undefined;
    this.index++;
    return word;
  }

  private short(): Item {
    const letter = this.bundle.charAt(0);
    const rest = this.bundle.slice(1);
    const definition = this.definitions.find((d) => d.short === letter);
    if (definition === undefined || definition.argument === 'none') {
      this.bundle = rest;
      return definition === undefined ? problem('unknown', `-${letter}`) : { kind: 'option', name: definition.long };
    }
    this.bundle = '';
    return this.withArgument(definition, rest === '' ? undefined : rest, `-${letter}`);
  }

  private long(word: string): Item {
    const equals = word.indexOf('=');
    const given = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const name = given.slice(2);
    const exact = this.definitions.find((d) => d.long === name);
    const candidates = exact === undefined ? this.definitions.filter((d) => d.long.startsWith(name)) : [exact];
    const [definition, other] = candidates;
    if (definition === undefined) return problem('unknown', given);
    if (other !== undefined) {
      return problem(
        'ambiguous',
        given,
        candidates.map((d) => `--${d.long}`),
      );
    }
    if (definition.argument === 'none') {
      if (value !== undefined) return problem('argument-forbidden', `--${definition.long}`);
      return { kind: 'option', name: definition.long };
    }
    return this.withArgument(definition, value, `--${definition.long}`);
  }

  private withArgument(definition: OptionDefinition, attached: string | undefined, given: string): Item {
    const name = definition.long;
    if (attached !== undefined) return { kind: 'option', name, value: attached };
    if (definition.argument === 'optional') return { kind: 'option', name };
    const value = this.words[this.index++];
    return value === undefined ? problem('argument-missing', given) : { kind: 'option', name, value };
  }
}

function problem(kind: Problem, option: string, possibilities: readonly string[] = []): Item {
  return { kind: 'problem', problem: kind, option, possibilities };
}

/** Says a problem in the words of the C library, which `iptables-restore` and `iptables-save` leave to it. */
export function describeProblem(item: Extract<Item, { kind: 'problem' }>): string {
  const { option } = item;
  const isLong = option.startsWith('--');
  switch (item.problem) {
    case 'unknown':
      return isLong ? `unrecognized option '${option}'` : `invalid option -- '${option.slice(1)}'`;
    case 'ambiguous':
      return `option '${option}' is ambiguous; possibilities: ${item.possibilities.map((p) => `'${p}'`).join(' ')}`;
    case 'argument-missing':
      return isLong ? `option '${option}' requires an argument` : `option requires an argument -- '${option.slice(1)}'`;
    case 'argument-forbidden':
      return `option '${option}' doesn't allow an argument`;
  }
}
