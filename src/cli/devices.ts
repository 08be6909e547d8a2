// Which devices the placements `exact` and `xdp` attach to where the command line names none.

export interface DevicePatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** The names that some `include` pattern matches and no `exclude` pattern does. */
export function selectDevices(names: readonly string[], patterns: DevicePatterns): string[] {
  const include = patterns.include.map(patternRegExp);
  const exclude = patterns.exclude.map(patternRegExp);
  return names.filter((name) => include.some((p) => p.test(name)) && !exclude.some((p) => p.test(name)));
}

/** `*` stands for any characters anywhere, a trailing `+` for any ending, as in iptables. */
function patternRegExp(pattern: string): RegExp {
  const shell = pattern.endsWith('+') ? `${pattern.slice(0, -1)}*` : pattern;
  const parts = shell.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
