// The counters in a file: in front of a rule and behind a chain's policy, `[packets:bytes]`. They are read as
// iptables-restore reads them, which looks for brackets and colon by itself and leaves the numbers to C.

import { type Counters, leadingCounter } from '../base/counters.ts';

/** What is wrong with the counters of a line, in iptables' words, and how much of the line is to blame. */
export interface CounterProblem {
  readonly problem: string;
  readonly length: number;
}

/** The counters that a rule line begins with; undefined for none. `counted`: whether the numbers are asked for. */
export function ruleCounters(
  line: string,
  lineNumber: number,
  counted: boolean,
): Counters | CounterProblem | undefined {
  if (!line.startsWith('[')) return undefined;
  const close = line.indexOf(']');
  // Colons in front count for nothing.
  const begin = 1 + line.slice(1).search(/[^:]|$/);
  const colon = line.indexOf(':', begin);
  if (close < 0) return { problem: `Bad line ${lineNumber}: need ]\n`, length: line.length };
  const length = close + 1;
  if (colon < 0) return { problem: `Bad line ${lineNumber}: need ]\n`, length };
  if (colon > close) return { problem: `Bad line ${lineNumber}: need :\n`, length };
  if (!counted) return undefined;
  const [packets, bytes] = [line.slice(begin, colon), line.slice(colon + 1, close)].map(leadingCounter);
  if (packets === undefined) return { problem: '-c packet counter not numeric', length };
  if (/^[-!]/.test(line.slice(colon + 1))) return { problem: '-c requires packet and byte counter', length };
  if (bytes === undefined) return { problem: '-c byte counter not numeric', length };
  return { packets, bytes };
}

/** The counters of a policy, as far as brackets are needed; undefined for anything else. */
export function policyCounters(text: string): Counters | undefined {
  const [, packets, bytes] = /^\[(\s*[+-]?\d+):(.*)/.exec(text) ?? [];
  if (packets === undefined || bytes === undefined) return undefined;
  const counters = [packets, bytes].map(leadingCounter);
  return counters[1] === undefined ? undefined : { packets: counters[0]!, bytes: counters[1] };
}
