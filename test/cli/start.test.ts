// How the compatible commands start: what they load, and what the code cache beside the bundle is taken for.

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TestNamespace } from './namespace.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const FILES = ['iptables-bpf.cjs', 'iptables-bpf.bundle.js', 'iptables-bpf.cache'] as const;

const directory = mkdtempSync(join(tmpdir(), 'ipb-start-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Report {
  /** Paths of CommonJS modules and addons. */
  readonly modules: readonly string[];
  /** Node's own: `NativeModule net`. */
  readonly builtins: readonly string[];
  /** Whether V8 took the code cache; absent if it was given none. */
  readonly rejected?: boolean;
}

const watcher = join(directory, 'watcher.cjs');
const reportFile = join(directory, 'report.json');
writeFileSync(
  watcher,
  `const vm = require('node:vm');
   const report = {};
   vm.Script = class extends vm.Script {
     constructor(text, options) {
       super(text, options);
       report.rejected = this.cachedDataRejected;
     }
   };
   process.on('exit', () => {
     report.modules = Object.keys(require.cache);
     report.builtins = process.moduleLoadList;
     require('node:fs').writeFileSync(${JSON.stringify(reportFile)}, JSON.stringify(report));
   });`,
);

const WORDS = (launcher: string, line: string) => ['--require', watcher, launcher, ...line.split(' ')];

function start(launcher: string, line: string): { out: string; err: string; report: Report } {
  rmSync(reportFile, { force: true });
  const { stdout, stderr } = spawnSync(process.execPath, WORDS(launcher, line), { encoding: 'utf8' });
  return { out: stdout, err: stderr, report: readReport() };
}

const readReport = () => JSON.parse(readFileSync(reportFile, 'utf8')) as Report;

/** The packages that were loaded, and the addons. */
function packages({ modules }: Report): string[] {
  const names = modules.flatMap((path) => /\/node_modules\/([^/]+)\//.exec(path)?.[1] ?? []);
  return [...new Set([...names, ...modules.filter((path) => path.endsWith('.node')).map((path) => basename(path))])];
}

describe('what is loaded', () => {
  const answered = ['iptables -V', 'iptables -h', 'restore -V', 'restore -h', 'save -V', 'save -h', 'iptables --nope'];
  const read = 'restore --test=syntax rulesets/web-server.rules';

  test.each([...answered, read])('%s loads nothing but itself and the code cache', (line) => {
    const { out, err, report } = start(join(DIST, 'iptables-bpf.cjs'), line);
    expect(out + err === '').toBe(line === read);
    expect(packages(report)).toEqual([]);
    expect(report.modules.map((path) => basename(path))).toEqual(['watcher.cjs', 'iptables-bpf.cjs']);
    expect(report.rejected).toBe(false);
    for (const name of ['child_process', 'crypto', 'http', 'net', 'tty', 'worker_threads', 'zlib']) {
      expect(report.builtins).not.toContain(`NativeModule ${name}`);
    }
  });

  test('the version is said without the bundle, and as the bundle says it', () => {
    for (const program of ['iptables', 'ip6tables']) {
      for (const tool of ['', '-restore', '-save']) {
        const link = join(directory, `${program}-bpf${tool}`);
        symlinkSync(join(DIST, 'iptables-bpf.cjs'), link);
        for (const word of ['-V', '--version']) {
          const { out, report } = start(link, word);
          expect(report.rejected, link).toBe(undefined);
          // By the first word, and not by the name of the file, the bundle is asked.
          const whole = start(join(DIST, 'iptables-bpf.cjs'), `${program}${tool} ${word}`);
          expect(whole.report.rejected, link).toBe(false);
          expect(out).toBe(whole.out);
        }
        expect(start(link, '-V -V').report.rejected).toBe(false);
      }
    }
  });

  test('a command that asks the kernel and the store loads the addons, and is seen to', () => {
    const namespace = new TestNamespace();
    try {
      // The first command mounts the bpffs by another program.
      namespace.run('restore', { input: '*filter\nCOMMIT\n' });
      const restore = WORDS(join(DIST, 'iptables-bpf.cjs'), 'restore');
      const { code, err } = namespace.exec(process.execPath, restore, { input: '*filter\nCOMMIT\n' });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const report = readReport();
      expect(packages(report)).toEqual(expect.arrayContaining(['koffi', 'better-sqlite3', 'better_sqlite3.node']));
      // There are no streams, and with them no sockets.
      expect(report.builtins).not.toContain('NativeModule net');
    } finally {
      namespace.remove();
    }
  });
});

describe('the code cache', () => {
  const launcher = join(directory, 'iptables-bpf.cjs');
  const cache = join(directory, 'iptables-bpf.cache');

  function outcome(): { version: string; rejected: boolean | undefined } {
    const { out, report } = start(launcher, 'save -V');
    return { version: out, rejected: report.rejected };
  }

  const version = 'iptables-save v1.8.9 (bpf)\n';
  const install = () => {
    for (const file of FILES) copyFileSync(join(DIST, file), join(directory, file));
  };

  test('serves wherever the files are put', () => {
    install();
    expect(outcome()).toEqual({ version, rejected: false });
  });

  test('may be missing', () => {
    install();
    rmSync(cache);
    expect(outcome()).toEqual({ version, rejected: undefined });
  });

  test('of another build is not given to V8, which would take it', () => {
    install();
    const bundle = join(directory, 'iptables-bpf.bundle.js');
    const text = readFileSync(bundle, 'latin1');
    const digest = text.slice(2, 66);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    const other = text.replace(digest, 'f'.repeat(64)).replace('(bpf)', '(BPF)');
    expect(other.length).toBe(text.length);
    writeFileSync(bundle, other, 'latin1');
    expect(outcome()).toEqual({ version: version.replace('bpf', 'BPF'), rejected: undefined });
  });

  test('that V8 refuses does no harm', () => {
    install();
    const content = readFileSync(cache);
    content.fill(0, 64, 96);
    writeFileSync(cache, content);
    expect(outcome()).toEqual({ version, rejected: true });
    writeFileSync(cache, readFileSync(join(DIST, 'iptables-bpf.cache')).subarray(0, -1000));
    expect(outcome()).toEqual({ version, rejected: true });
  });

  test('is refused by a Node that runs with other flags, and the command works', () => {
    install();
    const out = execFileSync(process.execPath, ['--no-opt', ...WORDS(launcher, 'save -V')], { encoding: 'utf8' });
    expect({ out, rejected: readReport().rejected }).toEqual({ out: version, rejected: true });
  });
});
