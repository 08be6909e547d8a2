// Texts of which the kernel's structures have room for so many bytes: what is too long is cut.

import type { ValueType } from '../extension.ts';
import { text } from './text.ts';

/** A text of which `limit` bytes are kept; refused where it has fewer than `min`. */
export function keptText(limit: number, min = 0, placeholder = 'text'): ValueType<string> {
  const any = text({ min }, placeholder);
  return { placeholder, parse: (word, context) => cutText(any.parse(word, context), limit) };
}

/** Cuts what is too long, as iptables does, but never inside a character. */
export function cutText(text: string, limit: number): string {
  // UTF-8 takes three bytes at most for a unit of a string.
  if (text.length * 3 <= limit) return text;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return text;
  let end = limit;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return new TextDecoder().decode(bytes.subarray(0, end));
}
