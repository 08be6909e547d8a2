// Texts as iptables-save prints them.

/** In double quotes unless it is made of letters, digits, `_` and `-` alone; quotes and backslashes are escaped. */
export function quoteText(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`;
}
