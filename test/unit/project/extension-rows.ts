// The rows of COMPATIBILITY.md about extensions, made from the extensions themselves.

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
    const { kind, name, families = ['ipv4', 'ipv6'], options } = extension;
    const names = options.map((option) => `\`${[option.name, ...(option.aliases ?? [])].join('|')}\``).join(' ');
    const family = families.map((each) => (each === 'ipv4' ? 'IPv4' : 'IPv6')).join(', ');
    return `| \`-${kind === 'match' ? 'm' : 'j'} ${name}\` | ${family} | ${names} | ${enforced(extension)} |`;
  });
}

/** Only IPv4 rules are enforced at all. */
function enforced(extension: MatchExtension | TargetExtension): string {
  if (extension.meaning === undefined || extension.families?.includes('ipv4') === false) return 'not yet';
  const isPartial = extension.kind === 'match' && extension.meaning.unsupported !== undefined;
  return isPartial ? 'IPv4, but for options that the diagnostic names' : 'IPv4';
}
