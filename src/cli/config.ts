// What the commands are told once and for all: a JSON file, which the environment overrides, which options override.
//
//   /etc/bpfilter/config.json, or the file that BPFILTER_CONFIG names; it need not exist unless named.
//
//   key               environment              value
//   placement         BPFILTER_PLACEMENT       netfilter | xdp
//   mode              BPFILTER_MODE            auto | native | generic
//   devices.include   BPFILTER_DEVICES         patterns, `*` for any characters, a trailing `+` as in iptables
//   devices.exclude   (`!` before a pattern)
//   allowInexact      BPFILTER_ALLOW_INEXACT   loopback, output, out-device
//   runDirectory      BPFILTER_RUN_DIR         absolute path
//   stateDirectory    BPFILTER_STATE_DIR       absolute path
//   wait              BPFILTER_WAIT            seconds to wait for the lock, or "forever"
//
// Lists in the environment are separated by commas or blanks.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { DEFAULT_RUN_DIRECTORY, DEFAULT_STATE_DIRECTORY } from '../engine/layout.ts';
import type { DevicePatterns } from './devices.ts';

const DEFAULT_PATH = '/etc/bpfilter/config.json';

export const PLACEMENTS = ['netfilter', 'xdp'] as const;
export const MODES = ['auto', 'native', 'generic'] as const;
export const INEXACT = ['loopback', 'output', 'out-device'] as const;

const directory = z.string().regex(/^\//, 'must be an absolute path');
const patterns = z.array(z.string().min(1));
const seconds = z.union([z.number().nonnegative(), z.literal('forever')], {
  error: 'must be a number of seconds or "forever"',
});

const configSchema = z.strictObject({
  placement: z.enum(PLACEMENTS).default('netfilter'),
  mode: z.enum(MODES).default('auto'),
  devices: z.strictObject({ include: patterns.default(['*']), exclude: patterns.default([]) }).prefault({}),
  allowInexact: z.array(z.enum(INEXACT)).default([]),
  runDirectory: directory.default(DEFAULT_RUN_DIRECTORY),
  stateDirectory: directory.default(DEFAULT_STATE_DIRECTORY),
  wait: seconds.default('forever'),
});

export interface Config extends Omit<z.infer<typeof configSchema>, 'wait' | 'devices'> {
  readonly devices: DevicePatterns;
  /** Seconds, `Infinity` for ever: what iptables 1.8.9 does without -w. */
  readonly wait: number;
}

/** The configuration cannot be used; each problem names the key or the variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(where: string, problems: readonly string[]) {
    super(problems.map((problem) => `${where}: ${problem}`).join('\n'));
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the file and the environment. Throws `ConfigError`. */
export function loadConfig(environment: Environment): Config {
  const named = environment.BPFILTER_CONFIG;
  const path = named ?? DEFAULT_PATH;
  const file = parse(path, readJson(path, named !== undefined));
  const overrides: Record<string, unknown> = {};
  for (const [name, key, read] of VARIABLES) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    overrides[key] = read(value);
    // Checked one by one, so that the message can name the variable.
    parse(name, { [key]: overrides[key] });
  }
  const config = parse(path, { ...file, ...overrides });
  return { ...config, wait: config.wait === 'forever' ? Number.POSITIVE_INFINITY : config.wait };
}

const VARIABLES: readonly (readonly [name: string, key: string, read: (value: string) => unknown])[] = [
  ['BPFILTER_PLACEMENT', 'placement', String],
  ['BPFILTER_MODE', 'mode', String],
  ['BPFILTER_DEVICES', 'devices', readPatterns],
  ['BPFILTER_ALLOW_INEXACT', 'allowInexact', readList],
  ['BPFILTER_RUN_DIR', 'runDirectory', String],
  ['BPFILTER_STATE_DIR', 'stateDirectory', String],
  ['BPFILTER_WAIT', 'wait', (value) => (value === 'forever' ? value : Number(value))],
];

function readList(value: string): string[] {
  return value.split(/[\s,]+/).filter((word) => word !== '');
}

function readPatterns(value: string): z.input<typeof configSchema>['devices'] {
  const words = readList(value);
  const include = words.filter((word) => !word.startsWith('!'));
  const exclude = words.filter((word) => word.startsWith('!')).map((word) => word.slice(1));
  return { ...(include.length > 0 && { include }), exclude };
}

function readJson(path: string, mustExist: boolean): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !mustExist) return {};
    throw new ConfigError(path, [`cannot be read: ${message}`]);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(path, [`is not JSON: ${(error as Error).message}`]);
  }
}

function parse(where: string, value: unknown): z.infer<typeof configSchema> {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const key = issue.path.join('.');
    return key === '' ? issue.message : `\`${key}\`: ${issue.message}`;
  });
  throw new ConfigError(where, problems);
}
