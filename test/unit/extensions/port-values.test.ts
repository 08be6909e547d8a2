import { expect, test } from 'vitest';
import type { ValueContext, ValueType } from '../../../src/extensions/extension.ts';
import { type PortRange, portRange } from '../../../src/extensions/values/port.ts';
import { resolvedPorts } from '../../../src/extensions/values/resolved-port.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';

const CONTEXT: Omit<ValueContext, 'negated'> = {
  ...{ family: 'ipv4', names: namesFrom('', ''), extension: 'tcp', option: '--dport' },
  ...{ protocol: 6, protocolNegated: false },
};

const KINDS: readonly (readonly [string, ValueType<PortRange>])[] = [
  ['portRange', portRange('tcp')],
  ['resolvedPorts', resolvedPorts],
];

test.each(KINDS)('%s: a number is the port that its word is', (_, kind) => {
  const read = (number: number, negated: boolean) => kind.ofNumber!(number, negated);
  for (let number = 0; number <= 0xffff; number++) {
    if (read(number, false)?.low !== number || read(number, true)?.high !== number) expect.fail(`port ${number}`);
  }
  for (const negated of [false, true]) {
    for (const number of [0, 1, 80, 1024, 0xffff]) {
      expect(read(number, negated)).toEqual(kind.parse(`${number}`, { ...CONTEXT, negated }));
      expect(read(number, negated)).toEqual({ low: number, high: number, negated });
    }
    for (const number of [0x10000, 99_999]) expect(read(number, negated)).toBeUndefined();
  }
  // What many rules share must not be a copy.
  expect(read(80, false)).toBe(read(80, false));
});
