// `-h` of the compatible commands: their own options, and those of the extensions that the command line names.

import type { MatchExtension, OptionSpec, TargetExtension } from '../extensions/extension.ts';
import type { RuleScope } from '../ruleset/scope.ts';
import { versionLine } from './compat.ts';
import { commandName, type Program } from './program.ts';

/** What `-h` prints; extensions loaded in front of it (`-m tcp -h`) show their options too. */
export function iptablesHelp(program: Program, scope: RuleScope): string {
  const extensions = [
    ...scope.matches.map(({ extension }) => extension),
    ...(scope.target ? [scope.target.extension] : []),
  ];
  return [usage(program), ...extensions.map(extensionHelp)].join('\n');
}

function usage(program: Program): string {
  const command = commandName(program);
  const isIpv4 = program.family === 'ipv4';
  return `${versionLine(program.name)}

Usage: ${command} -[ACD] CHAIN RULE [options]
       ${command} -I CHAIN [NUMBER] RULE [options]
       ${command} -R CHAIN NUMBER RULE [options]
       ${command} -D CHAIN NUMBER [options]
       ${command} -[LS] [CHAIN [NUMBER]] [options]
       ${command} -[FZ] [CHAIN] [options]
       ${command} -[NX] CHAIN
       ${command} -E OLD-CHAIN NEW-CHAIN
       ${command} -P CHAIN POLICY [options]
       ${command} [-m MATCH | -j TARGET] -h

Shows or changes the rules that bpfilter holds in this network namespace.

Commands:
  -A --append CHAIN                   add rules at the end
  -C --check CHAIN                    say by the exit code whether there is such a rule
  -D --delete CHAIN [NUMBER]          delete a rule, by what it says or by its number
  -I --insert CHAIN [NUMBER]          add rules in front of that number, 1 by default
  -R --replace CHAIN NUMBER           put a rule in the place of another
  -L --list [CHAIN [NUMBER]]          list rules
  -S --list-rules [CHAIN [NUMBER]]    print rules as commands
  -F --flush [CHAIN]                  delete the rules of a chain, or of all
  -Z --zero [CHAIN [NUMBER]]          set counters to zero; may go with -L and -S
  -N --new-chain CHAIN                make a chain
  -X --delete-chain [CHAIN]           remove an empty chain that no rule leads to, or all
  -E --rename-chain OLD NEW           give a chain another name
  -P --policy CHAIN POLICY            ACCEPT or DROP what no rule of a built-in chain decides
  -h --help                           print this text
  -V --version                        print the version

Rules (a ! in front turns the meaning round):
  -s -d ADDRESS[/MASK][,...]          source, destination; --source --src, --destination --dst
  -i --in-interface NAME              device it came in by; a + at the end stands for any rest
  -o --out-interface NAME             device it goes out by
  -p --protocol PROTOCOL              number or name; brings the match of that name with its options
${isIpv4 ? '  -f --fragments                      second and later fragments\n' : ''}  -m --match MATCH                    what else must hold
  -j --jump TARGET                    what to do: a target or a chain
  -g --goto CHAIN                     go on in a chain and do not come back
  -c --set-counters PACKETS BYTES     begin with these counters

Options:
  -t --table TABLE                    raw, mangle, nat, filter (default) or security
  -n --numeric                        numbers for protocols, ports, flags and ICMP types
  -v --verbose                        counters and devices too; say what is changed
  -x --exact                          counters in full
     --line-numbers                   the number of each rule
  -w --wait [SECONDS]                 how long to wait for another command to end (default: for ever)
  -4 --ipv4, -6 --ipv6                do nothing unless this is the family of the command
`;
}

function extensionHelp(extension: MatchExtension | TargetExtension): string {
  const lines = extension.options.map(optionHelp);
  return [`${extension.kind} ${extension.name}: ${extension.about}`, ...lines].map((line) => `${line}\n`).join('');
}

function optionHelp({ name, aliases = [], values, negatable, about }: OptionSpec): string {
  const words = [[name, ...aliases].join(' '), ...values.map(({ placeholder }) => placeholder)].join(' ');
  return `  ${negatable ? '[!] ' : '    '}${words.padEnd(44)} ${about}`;
}
