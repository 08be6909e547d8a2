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
  /** The file system takes nothing more, though it can be read. */
  readonly isUnwritable: boolean;

  constructor(operation: string, path: string, code: string, detail: string, cause?: unknown) {
    super(`cannot ${operation} in ${path}: ${detail} (${code})`, { cause });
    this.operation = operation;
    this.path = path;
    this.code = code;
    const kind = KINDS.find(({ codes }) => codes.some((prefix) => code.startsWith(prefix)));
    this.remedy = kind?.remedy ?? 'Look into the kernel log and repeat the command.';
    this.isUnwritable = kind?.isUnwritable ?? false;
  }
}

/** Troubles that are told alike; of two that begin a code, the first counts. */
interface Kind {
  /** How their codes begin. */
  readonly codes: readonly string[];
  readonly remedy: string;
  readonly isUnwritable?: boolean;
}

const AGAIN = 'apply the ruleset again; counters start from what the kernel has.';

const KINDS: readonly Kind[] = [
  {
    // The log's index, a file of its own, is mapped into memory.
    codes: ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT'],
    remedy: 'Free space on the file system of the state directory and repeat the command.',
    isUnwritable: true,
  },
  {
    codes: ['EROFS'],
    remedy: 'The state directory is on a read-only file system: make it writable and repeat the command.',
    isUnwritable: true,
  },
  {
    codes: ['SQLITE_BUSY', 'SQLITE_LOCKED'],
    remedy: 'Another process keeps the store locked; wait for it to end and repeat the command.',
  },
  { codes: ['SQLITE_CORRUPT'], remedy: `The file is damaged: move it away and ${AGAIN}` },
  { codes: ['SQLITE_NOTADB'], remedy: `The file is not a store: move it away and ${AGAIN}` },
  { codes: ['SQLITE_READONLY'], remedy: 'Make the state directory writable for root and repeat the command.' },
  {
    codes: ['SQLITE_CANTOPEN'],
    remedy: 'Make the state directory and the file readable and writable for root and repeat the command.',
  },
  // So Node tells, too, of directories to be made where nothing can be written.
  { codes: ['ENOENT'], remedy: 'The state directory cannot be made: make it, or name another.' },
  { codes: ['EACCES', 'EPERM'], remedy: 'Run the command as root.' },
  {
    codes: ['EISDIR', 'ENOTDIR', 'EEXIST'],
    remedy: 'Something else stands at that path: move it away, or name another state directory.',
  },
  { codes: ['SQLITE_IOERR'], remedy: 'The disk does not do what it is asked; look into the kernel log.' },
  { codes: ['NEWER_SCHEMA'], remedy: 'Use the version of bpfilter that wrote it, or a later one.' },
];
