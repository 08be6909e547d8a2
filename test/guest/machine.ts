// A guest under software emulation: a Debian kernel, the root file system of this machine below a writable layer, and a
// directory that both share.
//
// What it takes is downloaded with apt and unpacked into a cache, never installed. The guest starts nothing of the
// machine's own: its first process is `init.sh`, which runs the command and switches the guest off.
//
// Its clock counts its instructions, one a nanosecond: however slowly they are emulated, and whatever else this machine does, no
// timeout in the guest or in its tests comes early. It has two CPUs, of which one is emulated at a time: kernels that can have
// but one keep counters elsewhere.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Commands and the Debian packages that have them. */
const TOOLS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  cpio: 'cpio',
  depmod: 'kmod',
  xz: 'xz-utils',
  dpkg: 'dpkg',
  'apt-get': 'apt',
} as const;

/** What the first process needs to reach the root file system; all else is loaded from there. */
const FIRST_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console'] as const;

export interface Kernel {
  /** As `uname -r` says. */
  readonly release: string;
  readonly image: string;
  /** A directory with `lib/modules`. */
  readonly root: string;
}

/** Throws naming the packages whose commands are missing. */
export function requireTools(): void {
  const missing = Object.entries(TOOLS).filter(
    ([command]) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0,
  );
  if (missing.length > 0)
    throw new Error(`missing: ${missing.map(([, name]) => name).join(' ')}; apt-get install them`);
}

/** The newest of Debian's kernels of a version, such as `6.12`, downloaded and unpacked unless it is there. */
export function debianKernel(version: string): Kernel {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'bpfilter-guest');
  const unpacked = join(cache, version);
  if (!existsSync(unpacked)) {
    const name = newestPackage(version);
    console.log(`guest: downloading ${name}`);
    const unfinished = `${unpacked}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    run('apt-get', ['-q', 'download', name], unfinished);
    const [file] = readdirSync(unfinished);
    run('dpkg', ['-x', file!, '.'], unfinished);
    rmSync(join(unfinished, file!));
    run('depmod', ['-b', unfinished, readdirSync(join(unfinished, 'lib/modules'))[0]!]);
    renameSync(unfinished, unpacked);
  }
  const release = readdirSync(join(unpacked, 'lib/modules'))[0]!;
  return { release, image: join(unpacked, 'boot', `vmlinuz-${release}`), root: unpacked };
}

function newestPackage(version: string): string {
  const names = run('apt-cache', ['pkgnames', `linux-image-${version}.`]).split('\n');
  const plain = names.filter((name) => /^linux-image-[\d.]+(-\d+)?(\+deb\d+)?-amd64-unsigned$/.test(name));
  const newest = plain.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined) throw new Error(`apt knows no linux-image-${version}…-amd64-unsigned; run apt-get update`);
  return newest;
}

export interface Guest {
  /** The directory that it shares with this machine, there `/guest`. */
  readonly shared: string;
  /** Runs a shell script in a fresh guest and prints what it says; returns its exit status. Undefined if it never ended. */
  run(script: string, limitSeconds: number): Promise<number | undefined>;
  remove(): void;
}

export function makeGuest(kernel: Kernel): Guest {
  const directory = mkdtempSync(join(tmpdir(), 'bpfilter-guest-'));
  const shared = join(directory, 'shared');
  mkdirSync(shared);
  run('ln', ['-s', join('/host', kernel.root, 'lib/modules'), join(shared, 'modules')]);
  const initramfs = join(directory, 'initramfs');
  buildInitramfs(kernel, directory, initramfs);
  return {
    shared,
    run: async (script, limitSeconds) => {
      writeFileSync(join(shared, 'run.sh'), script);
      rmSync(join(shared, 'status'), { force: true });
      await boot(kernel, initramfs, shared, limitSeconds);
      const status = join(shared, 'status');
      return existsSync(status) ? Number(readFileSync(status, 'utf8')) : undefined;
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}

function buildInitramfs({ release, root }: Kernel, directory: string, file: string): void {
  const tree = join(directory, 'tree');
  for (const name of ['bin', 'proc', 'sys', 'dev', 'host', 'layer', 'new', 'modules']) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  copyFileSync(run('sh', ['-c', 'command -v busybox']).trim(), join(tree, 'bin/busybox'));
  copyFileSync(new URL('init.sh', import.meta.url), join(tree, 'init'));
  chmodSync(join(tree, 'init'), 0o755);
  for (const [index, module] of modulesInOrder(root, release).entries()) {
    const name = join(tree, 'modules', `${String(index).padStart(2, '0')}.ko`);
    const bytes = module.endsWith('.xz')
      ? spawnSync('xz', ['-dc', module], { maxBuffer: 2 ** 28 }).stdout
      : readFileSync(module);
    writeFileSync(name, bytes);
  }
  run('sh', ['-c', `find . | cpio --quiet -o -H newc > ${file}`], tree);
  rmSync(tree, { recursive: true });
}

/** Files of the first modules and of what they depend on, those first. Built-in ones have none. */
function modulesInOrder(root: string, release: string): string[] {
  const lines = FIRST_MODULES.flatMap((name) =>
    run('modprobe', ['-d', root, '-S', release, '--show-depends', name]).split('\n'),
  );
  return [...new Set(lines.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))];
}

function boot({ image }: Kernel, initramfs: string, shared: string, limitSeconds: number): Promise<void> {
  const share = (id: string, path: string, options: string) => [
    ...['-fsdev', `local,id=${id},path=${path},security_model=none,multidevs=remap${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
  ];
  const guest = spawn(
    'timeout',
    [
      String(limitSeconds),
      ...['qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg', '-icount', 'shift=0', '-cpu', 'max', '-smp', '2'],
      ...['-m', process.env.GUEST_MEMORY ?? '3072'],
      ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', image, '-initrd', initramfs],
      ...['-append', 'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off tsc=reliable'],
      ...share('host', '/', ',readonly=on'),
      ...share('shared', shared, ''),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return new Promise((resolve) => void guest.on('close', () => resolve()));
}

function run(command: string, words: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
