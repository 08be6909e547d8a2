// What the commands are told once and for all: a JSON file, which the environment overrides, which options override.
//
//   /etc/bpfilter/config.json, or the file that BPFILTER_CONFIG names; it need not exist unless named.
//
//   key               environment              value
//   placement         BPFILTER_PLACEMENT       exact | netfilter | xdp | none
//   mode              BPFILTER_MODE            auto | native | generic
//   early             BPFILTER_EARLY           strict | fast | off
//   devices.include   BPFILTER_DEVICES         patterns, `*` for any characters, a trailing `+` as in iptables
//   devices.exclude   (`!` before a pattern)
//   allowInexact      BPFILTER_ALLOW_INEXACT   loopback, output, out-device
//   runDirectory      BPFILTER_RUN_DIR         absolute path
//   stateDirectory    BPFILTER_STATE_DIR       absolute path
//   wait              BPFILTER_WAIT            seconds to wait for the lock, or "forever"
//
// Lists in the environment are separated by commas or blanks. What nobody asks for, a namespace keeps as it has it; see
// `whereToEnforce` in request.ts.

import { readFileSync } from 'node:fs';
import { DEFAULT_RUN_DIRECTORY, DEFAULT_STATE_DIRECTORY } from '../engine/layout.ts';
import { listOf, objectOf, oneOf, problem, type Reader } from './config-check.ts';
import type { DevicePatterns } from './devices.ts';

const DEFAULT_PATH = '/etc/bpfilter/config.json';

export const PLACEMENTS = ['exact', 'netfilter', 'xdp', 'none'] as const;
export const MODES = ['auto', 'native', 'generic'] as const;
export const EARLY = ['strict', 'fast', 'off'] as const;
export const INEXACT = ['loopback', 'output', 'out-device'] as const;

export interface Config {
  /** This, `mode`, `early` and `allowInexact`: undefined where nothing is asked for. */
  readonly placement: (typeof PLACEMENTS)[number] | undefined;
  readonly mode: (typeof MODES)[number] | undefined;
  readonly early: (typeof EARLY)[number] | undefined;
  readonly devices: DevicePatterns;
  readonly allowInexact: readonly (typeof INEXACT)[number][] | undefined;
  readonly runDirectory: string;
  readonly stateDirectory: string;
  /** Seconds, `Infinity` for ever: what iptables 1.8.9 does without -w. */
  readonly wait: number;
}

const pattern: Reader<string> = (value, key, problems) =>
  typeof value === 'string' && value !== '' ? value : problem(problems, key, 'must be a string that is not empty');

const directory: Reader<string> = (value, key, problems) =>
  typeof value === 'string' && value.startsWith('/') ? value : problem(problems, key, 'must be an absolute path');

const seconds: Reader<number> = (value, key, problems) => {
  if (value === 'forever') return Number.POSITIVE_INFINITY;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  return problem(problems, key, 'must be a number of seconds or "forever"');
};

const readConfig = objectOf<Config>({
  placement: [oneOf(PLACEMENTS), undefined],
  mode: [oneOf(MODES), undefined],
  early: [oneOf(EARLY), undefined],
  devices: [
    objectOf<DevicePatterns>({ include: [listOf(pattern), ['*']], exclude: [listOf(pattern), []] }),
    { include: ['*'], exclude: [] },
  ],
  allowInexact: [listOf(oneOf(INEXACT)), undefined],
  runDirectory: [directory, DEFAULT_RUN_DIRECTORY],
  stateDirectory: [directory, DEFAULT_STATE_DIRECTORY],
  wait: [seconds, Number.POSITIVE_INFINITY],
});

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
  const named = environment.BPFILTER_CONFIG || undefined;
  const path = named ?? DEFAULT_PATH;
  const file = readJson(path, named !== undefined);
  check(path, file);
  const overrides: Record<string, unknown> = {};
  for (const [name, key, read] of VARIABLES) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    overrides[key] = read(value);
    // Checked one by one, so that the message can name the variable.
    check(name, { [key]: overrides[key] });
  }
  return check(path, { ...(file as object), ...overrides });
}

const VARIABLES: readonly (readonly [name: string, key: string, read: (value: string) => unknown])[] = [
  ['BPFILTER_PLACEMENT', 'placement', String],
  ['BPFILTER_MODE', 'mode', String],
  ['BPFILTER_EARLY', 'early', String],
  ['BPFILTER_DEVICES', 'devices', readPatterns],
  ['BPFILTER_ALLOW_INEXACT', 'allowInexact', readList],
  ['BPFILTER_RUN_DIR', 'runDirectory', String],
  ['BPFILTER_STATE_DIR', 'stateDirectory', String],
  ['BPFILTER_WAIT', 'wait', (value) => (value === 'forever' ? value : Number(value))],
];

function readList(value: string): string[] {
  return value.split(/[\s,]+/).filter((word) => word !== '');
}

function readPatterns(value: string): Partial<DevicePatterns> {
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

function check(where: string, value: unknown): Config {
  const problems: string[] = [];
  const config = readConfig(value, '', problems);
  if (config === undefined || problems.length > 0) throw new ConfigError(where, problems);
  return config;
}
