// `-h` of the compatible commands: their own options, and those of the extensions that the command line names.

import type { MatchExtension, TargetExtension } from '../extensions/extension.ts';
import type { RuleScope } from '../ruleset/scope.ts';
import { OPTION_GROUPS, optionLines } from './options-help.ts';
import { commandName, type Program } from './program.ts';
import { versionLine } from './version.ts';

/** What `-h` prints; extensions loaded in front of it (`-m tcp -h`) show their options too. */
export function iptablesHelp(program: Program, scope: RuleScope): string {
  const named = scope.matches.map(({ extension }) => extension);
  // `-p tcp -h` is enough.
  const ofProtocol = named.length === 0 ? scope.protocolMatch : undefined;
  const extensions = [...(ofProtocol ? [ofProtocol] : named), ...(scope.target ? [scope.target.extension] : [])];
  return [usage(program), ...extensions.map(extensionHelp)].join('\n');
}

/** The forms a command may have. */
export function synopsis(command: string): readonly string[] {
  return [
    `${command} -[ACD] CHAIN RULE [OPTIONS]`,
    `${command} -I CHAIN [NUMBER] RULE [OPTIONS]`,
    `${command} -R CHAIN NUMBER RULE [OPTIONS]`,
    `${command} -D CHAIN NUMBER [OPTIONS]`,
    `${command} -[LSZ] [CHAIN [NUMBER]] [OPTIONS]`,
    `${command} -[FX] [CHAIN] [OPTIONS]`,
    `${command} -N CHAIN`,
    `${command} -E OLD NEW`,
    `${command} -P CHAIN POLICY [OPTIONS]`,
    `${command} [-m MATCH | -j TARGET] -h`,
  ];
}

function usage(program: Program): string {
  const lines = synopsis(commandName(program)).map((line, i) => `${i === 0 ? 'Usage: ' : '       '}${line}\n`);
  const groups = OPTION_GROUPS.map(({ title, options }) => `\n${title}:\n${optionLines(options)}`);
  return [
    `${versionLine(program.name)}\n\n${lines.join('')}       ${program.name} -h (print this help information)\n\n`,
    'Shows or changes the rules that bpfilter holds in this network namespace. A ! in front of what a rule asks turns\n',
    'its meaning round.\n',
    ...groups,
  ].join('');
}

function extensionHelp(extension: MatchExtension | TargetExtension): string {
  const options = extension.options.map(({ name, aliases = [], values, negatable, about }) => ({
    names: [`${negatable ? '[!] ' : ''}${name}`, ...aliases],
    value: values.map(({ placeholder }) => placeholder).join(' '),
    about,
  }));
  const { name, kind, about, notes } = extension;
  const lines = notes?.().map((line) => `  ${line}\n`) ?? [];
  return `${name} ${kind} options: ${about}\n${optionLines(options)}${lines.join('')}`;
}
