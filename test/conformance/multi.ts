// What stands in for `xtables-legacy-multi` in iptables' own tests, which call `xtables-legacy-multi iptables-save …`.
//
// The name matters: the tests tell the variants of iptables apart by it, and legacy is the one we agree with.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from './source.ts';

export const MULTI = 'xtables-legacy-multi';

/** Commands under test; `directory` holds their `xtables-legacy-multi`. */
export interface Subject {
  readonly name: string;
  readonly directory: string;
}

/** Our commands, linked by the names that package.json gives them, as an installation does. */
export function bpfilterSubject(root: string, directory: string): Subject {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  const commands = join(directory, 'commands');
  mkdirSync(commands, { recursive: true });
  for (const [name, bundle] of Object.entries(bin)) {
    if (!existsSync(join(root, bundle))) throw new Error(`${bundle} is not built: npm run build`);
    symlinkSync(join(root, bundle), join(commands, name));
  }
  writeFileSync(
    join(directory, MULTI),
    `#!/bin/sh
case $1 in
  ip6tables*) command=ip6tables-bpf\${1#ip6tables} ;;
  *) command=iptables-bpf\${1#iptables} ;;
esac
shift
exec "${commands}/$command" "$@"
`,
  );
  chmodSync(join(directory, MULTI), 0o755);
  return { name: 'bpfilter', directory };
}

/** Commands that are absent or do not start. Vectors that must be refused would pass with them. */
export function missingCommands({ directory }: Subject): string[] {
  return ['iptables', 'ip6tables']
    .flatMap((family) => [family, `${family}-restore`, `${family}-save`])
    .filter((name) => spawnSync(join(directory, MULTI), [name, '-V']).status !== 0);
}

/** The machine's iptables-legacy, unless it is absent or of another version. */
export function legacySubject(): Subject | undefined {
  try {
    const path = execFileSync('sh', ['-c', `command -v ${MULTI}`], { encoding: 'utf8' }).trim();
    const version = execFileSync(path, ['iptables', '-V'], { encoding: 'utf8' });
    return version.includes(`v${VERSION} `) ? { name: 'legacy', directory: path.replace(/\/[^/]*$/, '') } : undefined;
  } catch {
    return undefined;
  }
}
