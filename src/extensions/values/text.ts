// Words taken as they are.

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
