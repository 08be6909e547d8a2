// The rows of COMPATIBILITY.md about extensions, made from the extensions themselves.

import { FAMILIES, FAMILY_NAME } from '../../../src/base/family.ts';
import type { MatchExtension, TargetExtension } from '../../../src/extensions/extension.ts';
import { MATCHES, TARGETS } from '../../../src/extensions/registry.ts';

const HEAD = ['| extension | for | options | enforced |', '|---|---|---|---|'];

/** Matches first, then targets, each in the order of their names. */
export function extensionRows(): string[] {
  return [...HEAD, ...rowsOf(MATCHES), ...rowsOf(TARGETS)];
}

function rowsOf(extensions: readonly (MatchExtension | TargetExtension)[]): string[] {
  const sorted = [...extensions].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted.map((extension) => {
    const { kind, name, families = FAMILIES, options } = extension;
    const names = options.map((option) => `\`${[option.name, ...(option.aliases ?? [])].join('|')}\``).join(' ');
    const family = families.map((each) => FAMILY_NAME[each]).join(', ');
    return `| \`-${kind === 'match' ? 'm' : 'j'} ${name}\` | ${family} | ${names} | ${enforced(extension, family)} |`;
  });
}

function enforced(extension: MatchExtension | TargetExtension, family: string): string {
  if (extension.meaning === undefined) return 'not yet';
  const isPartial = extension.kind === 'match' && extension.meaning.unsupported !== undefined;
  return isPartial ? `${family}, but for options that the diagnostic names` : family;
}
