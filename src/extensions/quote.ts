// Texts as iptables-save prints them.

/** In double quotes unless it is made of letters, digits, `_` and `-` alone; quotes and backslashes are escaped. */
export function quoteText(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : quote(text);
}

/** Whether a word is what `quoteText` makes of the text that it stands for. */
export function isQuotedText(word: string): boolean {
  return /^"[^"\\']*"$/.test(word) && quoteText(word.slice(1, -1)) === word;
}

/**
 * For texts that iptables prints without quotes whatever is in them. Where it could not read them back itself, because
 * they are empty or hold blanks or quotes, they are quoted all the same: a saved ruleset is there to be restored.
 */
export function bareText(text: string): string {
  let i = 0;
  while (i < text.length && isPlain(text.charCodeAt(i))) i++;
  if (i > 0 && i === text.length) return text;
  return /^[^\s"]+$/.test(text) ? text : quote(text);
}

/** Whether a character is certainly no blank and no quote. */
function isPlain(code: number): boolean {
  return code > 0x20 && code < 0x7f && code !== 0x22;
}

function quote(text: string): string {
  return `"${text.replace(/["\\']/g, '\\$&')}"`;
}
