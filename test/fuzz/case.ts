// What one case is: a family, the words after iptables-restore, and the bytes of a file; and how cases are kept as text.
//
// A corpus file holds sections. Each begins with a line `==== iptables-restore [OPTION]…` (or ip6tables-restore), and all
// lines up to the next such line are the file, byte for byte; after `escaped` in place of options, `\xNN` stands for a
// byte. Text in front of the first section says what the cases have in common.

import type { Family } from '../../src/base/family.ts';

export interface FuzzCase {
  readonly family: Family;
  /** Options of iptables-restore: `-c` or nothing. */
  readonly options: readonly string[];
  readonly text: Buffer;
}

/** Commands that run one after the other, each as its words. */
export interface CommandCase {
  readonly family: Family;
  readonly commands: readonly (readonly string[])[];
}

const HEAD = /^==== (iptables|ip6tables)-restore((?: -\S+)*)( escaped)?$/;

/** Bytes that a corpus file cannot hold as they are. */
const needsEscape = (byte: number) => (byte < 0x20 && byte !== 0x0a && byte !== 0x09) || byte >= 0x7f;

export function caseOf(family: Family, text: string | Buffer, options: readonly string[] = []): FuzzCase {
  return { family, options, text: typeof text === 'string' ? Buffer.from(text) : text };
}

export function printCase({ family, options, text }: FuzzCase): string {
  const escaped = text.some(needsEscape) || !text.toString('latin1').endsWith('\n');
  const head = ['====', family === 'ipv6' ? 'ip6tables-restore' : 'iptables-restore', ...options];
  if (!escaped) return `${head.join(' ')}\n${text.toString('latin1')}`;
  const body = [...text].map((byte) =>
    needsEscape(byte) || byte === 0x5c ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte),
  );
  return `${head.join(' ')} escaped\n${body.join('')}\n`;
}

/** The cases of a corpus file; throws where a head cannot be read. */
export function parseCases(text: string): FuzzCase[] {
  const cases: FuzzCase[] = [];
  for (const section of text.split(/^(?====)/m)) {
    if (!section.startsWith('====')) continue;
    const end = section.indexOf('\n');
    const head = HEAD.exec(section.slice(0, end));
    if (head === null) throw new Error(`no head of a case: ${section.slice(0, end)}`);
    const [, command, options, escaped] = head;
    const body = section.slice(end + 1);
    const bytes = escaped
      ? Buffer.from(
          body
            .replace(/\n$/, '')
            .replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        )
      : Buffer.from(body);
    cases.push(caseOf(command === 'ip6tables' ? 'ipv6' : 'ipv4', bytes, options!.trim().split(' ').filter(Boolean)));
  }
  return cases;
}
