// What can go wrong with the store file, in words an administrator can act on.

/** A failed operation on the store. Nothing of the failed transaction is kept. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly operation: string;
  readonly path: string;
  /** SQLite's result code (`SQLITE_FULL` …, https://sqlite.org/rescode.html) or the errno name of a failed system call. */
  readonly code: string;
  /** What to do about it, in one sentence. */
  readonly remedy: string;

  constructor(operation: string, path: string, code: string, detail: string, cause?: unknown) {
    super(`cannot ${operation} in ${path}: ${detail} (${code})`, { cause });
    this.operation = operation;
    this.path = path;
    this.code = code;
    this.remedy = remedyFor(code);
  }
}

const FREE_SPACE = 'Free space on the file system of the state directory and repeat the command.';
const WRITABLE = 'The state directory is on a read-only file system: make it writable and repeat the command.';
const IN_THE_WAY = 'Something else stands at that path: move it away, or name another state directory.';

const REMEDIES: readonly (readonly [prefix: string, remedy: string])[] = [
  ['SQLITE_FULL', FREE_SPACE],
  // The log's index is a file of its own, mapped into memory.
  ['SQLITE_IOERR_SHMSIZE', FREE_SPACE],
  ['ENOSPC', FREE_SPACE],
  ['EDQUOT', FREE_SPACE],
  ['SQLITE_BUSY', 'Another process keeps the store locked; wait for it to end and repeat the command.'],
  ['SQLITE_LOCKED', 'Another process keeps the store locked; wait for it to end and repeat the command.'],
  [
    'SQLITE_CORRUPT',
    'The file is damaged: move it away and apply the ruleset again; counters start from what the kernel has.',
  ],
  [
    'SQLITE_NOTADB',
    'The file is not a store: move it away and apply the ruleset again; counters start from what the kernel has.',
  ],
  ['SQLITE_READONLY', 'Make the state directory writable for root and repeat the command.'],
  ['SQLITE_CANTOPEN', 'Make the state directory and the file readable and writable for root and repeat the command.'],
  ['EACCES', 'Run the command as root.'],
  ['EPERM', 'Run the command as root.'],
  ['EROFS', WRITABLE],
  ['EISDIR', IN_THE_WAY],
  ['ENOTDIR', IN_THE_WAY],
  ['EEXIST', IN_THE_WAY],
  ['SQLITE_IOERR', 'The disk does not do what it is asked; look into the kernel log.'],
  ['NEWER_SCHEMA', 'Use the version of bpfilter that wrote it, or a later one.'],
];

function remedyFor(code: string): string {
  return (
    REMEDIES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'Look into the kernel log and repeat the command.'
  );
}

/** Whether a code says that the file system takes nothing more, though it can be read. */
export function isUnwritable(code: string): boolean {
  const remedy = remedyFor(code);
  return remedy === FREE_SPACE || remedy === WRITABLE;
}
