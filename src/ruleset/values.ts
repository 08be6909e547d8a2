// What the values of a rule's own options mean. The grammar says what they look like, the extensions have theirs.

import { parseValue } from '../../grammar/parse.ts';
import { ValueError } from '../extensions/extension.ts';

/** Largest interface name, in bytes (IFNAMSIZ less the final zero). */
const INTERFACE_LIMIT = 15;

/** An interface as written; `+` alone is every interface. */
export function evaluateInterface(text: string): string {
  const parsed = parseValue('interface', text);
  if (!parsed.ok) throw new ValueError('Empty interface is likely to be undesired');
  if (Buffer.byteLength(text) > INTERFACE_LIMIT) {
    throw new ValueError(`interface name \`${text}' must be shorter than IFNAMSIZ (${INTERFACE_LIMIT})`);
  }
  return parsed.node.prefix ? `${parsed.node.name}+` : parsed.node.name;
}
