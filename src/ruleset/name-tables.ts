// Further names for numbers that rules may use: users, groups, groups of devices, realms, labels of connections.

import { readFileSync } from 'node:fs';
import type { Names, NameTable } from '../base/names.ts';

type Entry = readonly [name: string, number: number];

/** The first entry of a name or number counts. */
function tableOf(entries: Iterable<Entry>): NameTable {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const [name, number] of entries) {
    if (!numbers.has(name)) numbers.set(name, number);
    if (!names.has(number)) names.set(number, name);
  }
  return { number: (name) => numbers.get(name), name: (number) => names.get(number) };
}

/** /etc/passwd and /etc/group: `name:password:id:…` */
export function accountTable(text: string): NameTable {
  return tableOf(
    text.split('\n').flatMap((line): Entry[] => {
      const [name, , id] = line.split(':');
      return name && id && /^[0-9]+$/.test(id) ? [[name, Number(id)]] : [];
    }),
  );
}

/** The files of iproute2: `number name`, numbers up to 255; undefined where there is no entry. */
export function smallTable(text: string): NameTable | undefined {
  const entries = text.split('\n').flatMap((line): Entry[] => {
    const found = /^\s*(0x[0-9a-f]+|[0-9]+)\s+([^\s#]\S*)/i.exec(line);
    const number = Number(found?.[1]);
    return found !== null && number <= 255 ? [[found[2]!, number]] : [];
  });
  return entries.length === 0 ? undefined : tableOf(entries);
}

/**
 * connlabel.conf: `number name`, names of letters, digits, blanks and dashes. Unlike in the other files, an entry counts
 * for nothing if its number or its name has been there before.
 */
export function labelTable(text: string): NameTable {
  const numbers = new Set<number>();
  const names = new Set<string>();
  const entries: Entry[] = [];
  for (const line of text.split('\n')) {
    const found = /^\s*(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)\s*(.*?)\s*$/i.exec(line);
    if (found === null || !/^[A-Za-z0-9][A-Za-z0-9 -]*$/.test(found[2]!)) continue;
    const digits = found[1]!;
    const entry: Entry = [found[2]!, /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)];
    if (names.has(entry[0]) || numbers.has(entry[1])) continue;
    names.add(entry[0]);
    numbers.add(entry[1]);
    entries.push(entry);
  }
  return tableOf(entries);
}

/** The tables of this machine; each file is read when it is first asked for. */
export function systemTables(): Pick<Names, 'users' | 'groups' | 'deviceGroups' | 'realms' | 'connectionLabels'> {
  const users = once(() => accounts('passwd'));
  const groups = once(() => accounts('group'));
  const deviceGroups = once(() => smallTable(textOf('/etc/iproute2/group')));
  const realms = once(() => smallTable(textOf('/etc/iproute2/rt_realms')));
  const connectionLabels = once(() => labelTable(textOf('/etc/xtables/connlabel.conf')));
  return {
    get users() {
      return users();
    },
    get groups() {
      return groups();
    },
    get deviceGroups() {
      return deviceGroups();
    },
    get realms() {
      return realms();
    },
    get connectionLabels() {
      return connectionLabels();
    },
  };
}

/** The file first; a name that is not there may be known to the network: getent(1) asks as iptables would. */
function accounts(database: 'passwd' | 'group'): NameTable {
  const local = accountTable(textOf(`/etc/${database}`));
  const asked = new Map<string, NameTable>();
  const ask = (key: string): NameTable => {
    let answer = asked.get(key);
    if (answer === undefined) {
      // Loaded here: it brings Node's sockets with it, which take longer to load than most commands run.
      const { spawnSync } = process.getBuiltinModule('node:child_process');
      const { stdout } = spawnSync('getent', ['--', database, key], { encoding: 'utf8', timeout: 60_000 });
      answer = accountTable(stdout ?? '');
      asked.set(key, answer);
    }
    return answer;
  };
  return {
    // What looks like a number would be taken for an id by getent.
    number: (name) => local.number(name) ?? (/^[A-Za-z_][^:\s]*$/.test(name) ? ask(name).number(name) : undefined),
    name: (id) => local.name(id) ?? ask(`${id}`).name(id),
  };
}

/** A value that is made when it is first asked for. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
