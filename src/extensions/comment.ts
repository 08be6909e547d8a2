// `-m comment`: a text that matches every packet.

import type { MatchExtension, ValueType } from './extension.ts';
import { isQuotedText, quoteText } from './quote.ts';
import { keptText } from './values/kept-text.ts';

/** What iptables keeps of a comment, in bytes (include/uapi/linux/netfilter/xt_comment.h, less the final zero). */
const LIMIT = 255;

/** What is too long is not printed as a whole. */
const COMMENT: ValueType<string> = {
  ...keptText(LIMIT),
  isPrinted: (word) => word.length * 3 <= LIMIT && isQuotedText(word),
};

export interface CommentData {
  readonly text: string;
}

export const comment: MatchExtension<CommentData> = {
  kind: 'match',
  name: 'comment',
  about: 'carries a text of up to 255 bytes; matches every packet',
  options: [{ name: '--comment', values: [COMMENT], required: true, about: 'the text' }],
  build: (options) => ({ text: options[0]!.values[0] as string }),
  print: (data) => ['--comment', quoteText(data.text)],
  list: (data) => `/* ${data.text} */`,
  meaning: { clauses: () => [], matches: () => true },
};
