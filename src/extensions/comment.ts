// `-m comment`: a text that matches every packet.

import type { MatchExtension } from './extension.ts';
import { quoteText } from './quote.ts';
import { anyText } from './values/text.ts';

/** What iptables keeps of a comment, in bytes (include/uapi/linux/netfilter/xt_comment.h, less the final zero). */
const LIMIT = 255;

export interface CommentData {
  readonly text: string;
}

export const comment: MatchExtension<CommentData> = {
  kind: 'match',
  name: 'comment',
  about: 'carries a text of up to 255 bytes; matches every packet',
  options: [{ name: '--comment', values: [anyText], required: true, about: 'the text' }],
  build: (options) => ({ text: truncate(options[0]!.values[0] as string) }),
  print: (data) => ['--comment', quoteText(data.text)],
  list: (data) => `/* ${data.text} */`,
  meaning: { clauses: () => [], matches: () => true },
};

/** Cuts what is too long, as iptables does, but never inside a character. */
function truncate(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= LIMIT) return text;
  let end = LIMIT;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return new TextDecoder().decode(bytes.subarray(0, end));
}
