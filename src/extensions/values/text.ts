// Words taken as they are, and lists of names between commas.

import { parseValue } from '../../../grammar/parse.ts';
import { ValueError, type ValueType } from '../extension.ts';

/** Any word, of so many bytes where that is limited. */
export function text(limits: { min?: number; max?: number } = {}, placeholder = 'text'): ValueType<string> {
  const { min = 0, max = 0 } = limits;
  return {
    placeholder,
    parse(word) {
      const size = Buffer.byteLength(word);
      if (min !== 0 && size < min) throw new ValueError(`Argument must have a minimum length of ${min} characters`);
      if (max !== 0 && size > max) throw new ValueError(`Argument must have a maximum length of ${max} characters`);
      return word;
    },
  };
}

/** Names between commas, empty ones included; what each means is the extension's affair. */
export function names(placeholder: string): ValueType<readonly string[]> {
  return {
    placeholder,
    parse(word) {
      const parsed = parseValue('words', word);
      return parsed.ok ? parsed.node : [word];
    },
  };
}
