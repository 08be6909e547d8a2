// The text in front of what a logging target writes.

import { ValueError, type ValueType } from '../extension.ts';
import { keptText } from './kept-text.ts';

/** At least one character, no line break, of which `limit` bytes are kept; `option` is what the complaint names. */
export function logPrefix(limit: number, option = '--log-prefix'): ValueType<string> {
  const text = keptText(limit, 1);
  return {
    placeholder: 'text',
    parse(word, context) {
      const kept = text.parse(word, context);
      if (word.includes('\n')) throw new ValueError(`Newlines not allowed in ${option}`);
      return kept;
    },
  };
}
