// Entry of the management command.

import { bpfilter } from './bpfilter.ts';
import { processContext } from './context.ts';
import { runCommand } from './errors.ts';

process.exitCode = runCommand('bpfilter', bpfilter, process.argv.slice(2), processContext());
