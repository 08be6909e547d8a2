// Completions for bash, made from the same tables as the commands. zsh takes them too, by its bashcompinit.

import type { MatchExtension, TargetExtension } from '../../extensions/extension.ts';
import { MATCHES, TARGETS } from '../../extensions/registry.ts';
import { bpfilterProgram } from '../bpfilter.ts';
import type { OptionDefinition } from '../getopt.ts';
import { RESTORE_OPTIONS } from '../iptables-restore.ts';
import { SAVE_OPTIONS } from '../iptables-save.ts';
import { XML_OPTIONS } from '../iptables-xml.ts';
import { helpOfDefinitions, OPTION_GROUPS } from '../options-help.ts';
import { commandName, PROGRAMS, type Program, XML_COMMAND } from '../program.ts';

/** Text of each file by its name: that of the command which it completes. */
export function completions(): ReadonlyMap<string, string> {
  const files = new Map([
    ['bpfilter', bpfilterCompletion()],
    [XML_COMMAND, toolCompletion(XML_COMMAND, XML_OPTIONS)],
  ]);
  for (const program of PROGRAMS) {
    files.set(commandName(program), iptablesCompletion(program));
    for (const [tool, options] of [
      ['restore', RESTORE_OPTIONS],
      ['save', SAVE_OPTIONS],
    ] as const) {
      const command = commandName(program, tool);
      files.set(command, toolCompletion(command, options));
    }
  }
  return files;
}

const words = (list: readonly string[]): string => [...new Set(list)].sort().join(' ');

function functionName(command: string): string {
  return `_${command.replaceAll('-', '_')}`;
}

function toolCompletion(command: string, definitions: readonly OptionDefinition[]): string {
  const options = helpOfDefinitions(definitions).flatMap(({ names }) => names);
  return `${functionName(command)}() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W '${words(options)}' -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
  esac
}
complete -o filenames -F ${functionName(command)} ${command}
`;
}

function iptablesCompletion(program: Program): string {
  const command = commandName(program);
  const own = (all: readonly (MatchExtension | TargetExtension)[]) =>
    all.filter(({ families }) => families === undefined || families.includes(program.family));
  const base = OPTION_GROUPS.flatMap(({ options }) => options.flatMap(({ names }) => names));
  const cases = (all: readonly (MatchExtension | TargetExtension)[]) =>
    own(all)
      .map(({ name, aliases = [], options }) => {
        const names = options.flatMap((option) => [option.name, ...(option.aliases ?? [])]);
        return `        ${[name, ...aliases].join('|')}) options+=' ${words(names)}' ;;\n`;
      })
      .join('');
  return `# A table, chain, match or target behind the option that takes one; else options, those of the extensions in the line too.
${functionName(command)}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} table=filter options='${words(base)}' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      -t | --table) table=\${COMP_WORDS[i + 1]} ;;
      -m | --match) case \${COMP_WORDS[i + 1]} in
${cases(MATCHES)}        esac ;;
      -p | --protocol) case \${COMP_WORDS[i + 1]} in
${cases(MATCHES.filter(({ protocols }) => protocols?.length === 1))}        esac ;;
      -j | --jump) case \${COMP_WORDS[i + 1]} in
${cases(TARGETS)}        esac ;;
    esac
  done
  local chains
  case $before in
    -t | --table) options='raw mangle nat filter security' ;;
    -m | --match) options='${words(own(MATCHES).map(({ name }) => name))}' ;;
    -[ACDEFGILPRSXZgj] | --append | --check | --delete | --insert | --replace | --list | --list-rules | --flush | --zero | \\
      --delete-chain | --rename-chain | --policy | --goto | --jump)
      chains=$(${command} -t "$table" -S 2>/dev/null | awk '/^-[PN]/ { print $2 }')
      case $before in
        -j | --jump) options="$chains ${words(own(TARGETS).map(({ name }) => name))}" ;;
        *) options=$chains ;;
      esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -F ${functionName(command)} ${command}
`;
}

function bpfilterCompletion(): string {
  const { commands } = bpfilterProgram(() => () => {});
  const cases = commands
    .map((command) => {
      const flags = command.options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
      return `    ${command.name()}) options='${words([...flags, '--help'])}' ;;\n`;
    })
    .join('');
  const options = commands.flatMap((command) => command.options);
  const choices = new Map<string, readonly string[]>();
  for (const { long, argChoices } of options) {
    if (argChoices !== undefined) choices.set(long!, [...new Set([...(choices.get(long!) ?? []), ...argChoices])]);
  }
  const values = [...choices].map(([option, all]) => `    ${option}) values='${words(all)}' ;;\n`).join('');
  return `_bpfilter() {
  local word=\${COMP_WORDS[COMP_CWORD]} options values=
  case \${COMP_WORDS[1]} in
${cases}  esac
  case \${COMP_WORDS[COMP_CWORD-1]} in
${values}    --device) values=$(ls /sys/class/net) ;;
  esac
  if [[ $values ]]; then
    options=$values
  elif ((COMP_CWORD == 1)); then
    options='${words([...commands.map((command) => command.name()), '--help'])}'
  elif [[ $word != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -o filenames -F _bpfilter bpfilter
`;
}
