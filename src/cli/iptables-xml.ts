// iptables-bpf-xml: the text of iptables-save as XML, byte for byte as iptables-xml writes it. No rule is understood, and
// nothing but the text is looked at.

import { rulesetXml, type XmlFailure } from '../ruleset/xml.ts';
import { CommandError, EXIT, tryHelp } from './compat.ts';
import type { Context } from './context.ts';
import { describeProblem, type OptionDefinition, OptionReader } from './getopt.ts';
import { helpOfDefinitions, optionLines } from './options-help.ts';
import { XML_COMMAND } from './program.ts';
import { IPTABLES_VERSION } from './version.ts';

export const XML_OPTIONS: readonly OptionDefinition[] = [
  { short: 'c', long: 'combine', argument: 'none', about: 'rules in a row that ask the same become one' },
  { short: 'v', long: 'verbose', argument: 'none', about: 'each line as a comment in front of its XML' },
  { short: 'h', long: 'help', argument: 'none', about: 'print this text' },
];

export const XML_ABOUT = 'Prints a file of rules, or what comes by standard input, as XML in the form of iptables-xml.';

/** What iptables calls itself in messages. */
const NAME = 'iptables-xml';

function help(): string {
  return `Usage: ${XML_COMMAND} [OPTIONS] [FILE]\n\n${XML_ABOUT}\n\n${optionLines(helpOfDefinitions(XML_OPTIONS))}`;
}

/** Goes on behind an option that it does not know; help is an error. So does iptables-xml. */
export function xml(words: readonly string[], context: Context): number {
  const options = { combine: false, verbose: false };
  const files: string[] = [];
  const reader = new OptionReader(words, XML_OPTIONS);
  for (let item = reader.next(); item !== undefined; item = reader.next()) {
    if (item.kind === 'word') files.push(item.word);
    else if (item.kind === 'problem') context.printError(`${XML_COMMAND}: ${describeProblem(item)}\n`);
    else if (item.name === 'help') throw new CommandError(help(), EXIT.other);
    else if (item.name === 'combine') options.combine = true;
    else {
      options.verbose = true;
      context.print('xptables-xml\n');
    }
  }
  if (files.length > 1) throw new CommandError('Unknown arguments found on commandline', EXIT.other);
  const result = rulesetXml(readBytes(files[0], context), options);
  context.print(result.xml, 'latin1');
  if (result.failure !== undefined) throw refusal(result.failure);
  return EXIT.ok;
}

function readBytes(file: string | undefined, context: Context): string {
  try {
    return context.readInput(file, 'latin1');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // C opens a directory, and finds nothing in it.
    if (code === 'EISDIR') return '';
    const reason = (code && OPEN_REASONS[code]) ?? message;
    throw new CommandError(`Can't open ${file ?? '<stdin>'}: ${reason}`, EXIT.other);
  }
}

/** The C library's words for why a file cannot be opened. */
const OPEN_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ENOTDIR: 'Not a directory',
};

function refusal({ kind, message, line }: XmlFailure): CommandError {
  if (kind === 'failed') return new CommandError(`${NAME}: ${message}\n`, EXIT.other);
  const text = `${NAME} v${IPTABLES_VERSION}: ${message}\nError occurred at line: ${line}\n${tryHelp(NAME)}`;
  return new CommandError(text, EXIT.parameter);
}
