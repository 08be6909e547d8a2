// All benches, in the order in which `all` runs them and the report shows them.

import { accept } from './accept.ts';
import type { Bench } from './bench.ts';
import { build } from './build.ts';
import { classify } from './classify.ts';
import { commands } from './commands.ts';
import { early } from './early.ts';
import { forced } from './forced.ts';
import { ipv6 } from './ipv6.ts';
import { parse } from './parse.ts';
import { update } from './update.ts';
import { veth } from './veth.ts';

export const BENCHES: readonly Bench[] = [classify, ipv6, forced, early, veth, accept, build, update, commands, parse];
