// Readers that check a JSON value by hand: the schema library takes longer to load than most commands take to run.

/** Gives the value as it is meant, or tells `problems` what is wrong with it. `key` is its place, `devices.include.0`. */
export type Reader<T> = (value: unknown, key: string, problems: string[]) => T | undefined;

/** Notes what is wrong at `key`, which is empty for the whole. */
export function problem(problems: string[], key: string, message: string): undefined {
  problems.push(key === '' ? message : `\`${key}\`: ${message}`);
}

export function oneOf<T extends string>(words: readonly T[]): Reader<T> {
  const expected = words.map((word) => `"${word}"`).join(', ');
  return (value, key, problems) =>
    words.find((word) => word === value) ?? problem(problems, key, `must be one of ${expected}`);
}

export function listOf<T>(item: Reader<T>): Reader<readonly T[]> {
  return (value, key, problems) => {
    if (!Array.isArray(value)) return problem(problems, key, 'must be a list');
    return value
      .map((element, index) => item(element, `${key}.${index}`, problems))
      .filter((element) => element !== undefined);
  };
}

/** For each key how it is read, and its value where it is absent. Unknown keys are a problem. */
type Keys<T> = { readonly [K in keyof T]: readonly [read: Reader<T[K]>, absent: T[K]] };

export function objectOf<T extends object>(keys: Keys<T>): Reader<T> {
  return (value, key, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return problem(problems, key, 'must be an object');
    }
    const place = (name: string) => (key === '' ? name : `${key}.${name}`);
    const given = new Map<string, unknown>(Object.entries(value));
    for (const name of given.keys()) {
      if (!Object.hasOwn(keys, name)) problem(problems, place(name), 'is no key of the configuration');
    }
    const names = Object.keys(keys) as (keyof T & string)[];
    const read = names.map((name) => {
      const [reader, absent] = keys[name];
      return [name, given.has(name) ? reader(given.get(name), place(name), problems) : absent];
    });
    return Object.fromEntries(read) as T;
  };
}
