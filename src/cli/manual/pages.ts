// The manual pages of all commands, made from the tables by which the commands themselves are read.

import type { Command } from 'commander';
import type { MatchExtension, TargetExtension } from '../../extensions/extension.ts';
import { MATCHES, TARGETS } from '../../extensions/registry.ts';
import { bpfilterProgram } from '../bpfilter.ts';
import { EARLY, PLACEMENTS } from '../config.ts';
import { synopsis } from '../iptables-help.ts';
import { RESTORE_ABOUT, RESTORE_OPTIONS } from '../iptables-restore.ts';
import { SAVE_ABOUT, SAVE_OPTIONS } from '../iptables-save.ts';
import { XML_ABOUT, XML_OPTIONS } from '../iptables-xml.ts';
import { helpOfDefinitions, OPTION_GROUPS, type OptionHelp } from '../options-help.ts';
import { EARLY_ABOUT, PLACEMENT_ABOUT } from '../placements.ts';
import { commandName, PROGRAMS, XML_COMMAND } from '../program.ts';
import { bold, italic, ManualPage, plain } from './roff.ts';

/** Text of each page by its file name. */
export function manualPages(): ReadonlyMap<string, string> {
  const pages = new Map<string, string>();
  const [ipv4, ipv6] = PROGRAMS;
  const add = (tool: 'restore' | 'save' | undefined, text: string) => {
    const name = commandName(ipv4!, tool);
    pages.set(`${name}.8`, text);
    pages.set(`${commandName(ipv6!, tool)}.8`, `.so man8/${name}.8\n`);
  };
  add(undefined, iptablesPage());
  add('restore', toolPage('restore', RESTORE_ABOUT, helpOfDefinitions(RESTORE_OPTIONS), '[FILE]'));
  add('save', toolPage('save', SAVE_ABOUT, helpOfDefinitions(SAVE_OPTIONS), ''));
  pages.set(`${XML_COMMAND}.8`, xmlPage());
  pages.set('iptables-bpf-extensions.8', extensionsPage());
  pages.set('bpfilter.8', bpfilterPage());
  return pages;
}

const EXIT_CODES: readonly (readonly [code: string, about: string])[] = [
  ['0', 'done'],
  ['1', 'refused by the kernel or by what is in force: no such rule, no such chain, a rule that cannot be enforced'],
  ['2', 'a mistake in the words of the command or of the file'],
  ['3', 'the kernel lacks something, or there is no such table'],
  ['4', 'the lock, the store or a kernel call failed'],
];

function iptablesPage(): string {
  const name = commandName(PROGRAMS[0]!);
  const page = new ManualPage(name, 8, 'show or change the packet filter rules that bpfilter holds');
  page.section('Synopsis');
  for (const program of PROGRAMS) for (const form of synopsis(commandName(program))) page.line(plain(form));
  page
    .section('Description')
    .paragraph(
      'The commands, options, messages and exit codes are those of iptables 1.8.9; iptables-bpf is for IPv4, ip6tables-bpf ' +
        'for IPv6. Rules are enforced by eBPF programs where the configuration says. Every change is made whole or not at all.',
    );
  for (const { title, options } of OPTION_GROUPS) addOptions(page.section(title), options);
  page.section('Exit status');
  for (const [code, about] of EXIT_CODES) page.item(bold(code), about);
  addFiles(page);
  return seeAlso(page, ['iptables-bpf-restore', 'iptables-bpf-save', 'iptables-bpf-extensions', 'bpfilter']);
}

function toolPage(tool: 'restore' | 'save', about: string, options: readonly OptionHelp[], operand: string): string {
  const short = tool === 'restore' ? 'bring a file of rules into force' : 'print the rules in force';
  const page = new ManualPage(commandName(PROGRAMS[0]!, tool), 8, short).section('Synopsis');
  for (const program of PROGRAMS) page.line(`${bold(commandName(program, tool))} [OPTIONS] ${operand}`);
  addOptions(page.section('Description').paragraph(about).section('Options'), options);
  if (tool === 'restore') {
    page
      .section('Files that are refused')
      .paragraph(
        'The first mistake is told in the words of iptables and decides the exit code; behind it come all mistakes, each with ' +
          'file, line, column and what to do instead. Nothing is changed unless the whole file can be read, compiled and ' +
          'verified by the kernel.',
      );
  }
  addFiles(page);
  return seeAlso(page, ['iptables-bpf', 'iptables-bpf-extensions', 'bpfilter']);
}

function xmlPage(): string {
  const page = new ManualPage(XML_COMMAND, 8, 'print a file of rules as XML').section('Synopsis');
  page.line(`${bold(XML_COMMAND)} [OPTIONS] [FILE]`);
  addOptions(page.section('Description').paragraph(XML_ABOUT).section('Options'), helpOfDefinitions(XML_OPTIONS));
  return seeAlso(page, ['iptables-bpf-save', 'iptables-bpf-restore', 'bpfilter']);
}

function addFiles(page: ManualPage): void {
  page
    .section('Files')
    .item(italic('/etc/bpfilter/config.json'), 'where rules are enforced; BPFILTER_* variables override it')
    .item(italic('/var/lib/bpfilterd'), 'what was brought into force, by network namespace')
    .item(italic('/run/bpfilterd'), 'pins of the kernel objects, and locks');
}

function addOptions(page: ManualPage, options: readonly OptionHelp[]): void {
  for (const { names, value, about } of options) {
    page.item([names.map(bold).join(', '), ...(value === '' ? [] : [italic(value)])].join(' '), about);
  }
}

function extensionsPage(): string {
  const page = new ManualPage('iptables-bpf-extensions', 8, 'matches and targets of iptables-bpf and ip6tables-bpf');
  page.paragraph(
    'Rules with any of these are read, checked and printed. Those of which "not enforced yet" is said are refused at the ' +
      'placements exact, netfilter and xdp.',
  );
  page.section('Matches');
  for (const extension of sorted(MATCHES)) addExtension(page, extension);
  page.section('Targets');
  for (const extension of sorted(TARGETS)) addExtension(page, extension);
  return seeAlso(page, ['iptables-bpf', 'bpfilter']);
}

function sorted<E extends MatchExtension | TargetExtension>(extensions: readonly E[]): E[] {
  return [...extensions].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function addExtension(page: ManualPage, extension: MatchExtension | TargetExtension): void {
  const { name, families, about, options, meaning } = extension;
  const only = families?.length === 1 ? (families[0] === 'ipv4' ? ' (IPv4)' : ' (IPv6)') : '';
  const enforced = meaning === undefined ? ' Not enforced yet.' : '';
  page.subsection(`${name}${only}`).paragraph(`${about.charAt(0).toUpperCase()}${about.slice(1)}.${enforced}`);
  addOptions(
    page,
    options.map((option) => ({
      names: [`${option.negatable ? '[!] ' : ''}${option.name}`, ...(option.aliases ?? [])],
      value: option.values.map(({ placeholder }) => placeholder).join(' '),
      about: option.about,
    })),
  );
  const [title, ...lines] = extension.notes?.() ?? [];
  if (title !== undefined) page.paragraph(`${title} ${lines.join(', ')}.`);
}

function bpfilterPage(): string {
  const program = bpfilterProgram(() => () => {});
  const page = new ManualPage('bpfilter', 8, 'manage what is enforced of an iptables ruleset');
  page.section('Synopsis');
  for (const command of program.commands) page.line(`${bold('bpfilter')} ${bold(command.name())} ${usageOf(command)}`);
  page.section('Description').paragraph(program.description()).section('Commands');
  for (const command of program.commands) {
    page.subsection(`bpfilter ${command.name()} ${command.usage()}`).paragraph(sentence(command.description()));
    for (const { flags, description, argChoices } of command.options) {
      page.item(bold(flags), argChoices === undefined ? description : `${description}: ${argChoices.join(', ')}`);
    }
  }
  page.section('Placements');
  for (const name of PLACEMENTS) page.item(bold(name), PLACEMENT_ABOUT[name]);
  page.section('Early drops at placement exact');
  for (const name of EARLY) page.item(bold(name), EARLY_ABOUT[name]);
  addFiles(page);
  return seeAlso(page, ['iptables-bpf', 'iptables-bpf-restore', 'iptables-bpf-save']);
}

function usageOf(command: Command): string {
  return plain(command.usage());
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function seeAlso(page: ManualPage, names: readonly string[]): string {
  return page
    .section('See also')
    .line(names.map((name) => `${bold(name)}(8)`).join(', '))
    .text();
}
