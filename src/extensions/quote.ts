// Texts as iptables-save prints them.

/** In double quotes unless it is made of letters, digits, `_` and `-` alone; quotes and backslashes are escaped. */
export function quoteText(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : quote(text);
}

/**
 * For texts that iptables prints without quotes whatever is in them. Where it could not read them back itself, because
 * they are empty or hold blanks or quotes, they are quoted all the same: a saved ruleset is there to be restored.
 */
export function bareText(text: string): string {
  return /^[^\s"]+$/.test(text) ? text : quote(text);
}

function quote(text: string): string {
  return `"${text.replace(/["\\']/g, '\\$&')}"`;
}
