import { describe, expect, it } from 'vitest';
import type { HookPacket } from '../../../src/base/packet.ts';
import type { Field } from '../../../src/base/predicate.ts';
import { runNetfilter } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { emitNetfilterIpv6Prologue } from '../../../src/codegen/netfilter-ipv6.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { ipv6Packet, randomChain, repeatedHeaders } from '../../harness/ipv6-chains.ts';
import { KEY_MAP, keyMap, keyProgram, readKey } from '../../harness/key-program.ts';
import { mapValue } from '../../harness/vm-runner.ts';

const FIELDS: readonly Field[] = [
  ...(['src6', 'dst6', 'inDevice', 'outDevice', 'protocol', 'fragment', 'transportLength'] as const),
  ...(['sport', 'dport', 'tcpFlags', 'malformed'] as const),
];

type Key = Readonly<Record<string, number | bigint | string>>;

/** Shows packets to the prologue for these fields, with so many of their bytes where `skb->data` points. */
function reader(fields: readonly Field[]): (bytes: Uint8Array, linear: number) => Key {
  const program = prepare(keyProgram('netfilter', FEATURES, fields, emitNetfilterIpv6Prologue));
  const value = mapValue(keyMap(fields));
  const maps = new Map([[KEY_MAP, value]]);
  return (bytes, linear) => {
    const verdict = runNetfilter(program, {
      ...{ features: FEATURES, maps, packet: bytes, linear },
      inDevice: { name: 'eth0' },
    });
    expect(verdict).toBe(1);
    return readKey(value, fields);
  };
}

/** What the key must be; of a malformed packet nothing is said but that. */
function expected(bytes: Uint8Array, fields: readonly Field[]): Key {
  const packet: HookPacket = { family: 'ipv6', hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes };
  const values = fieldsOf(packet);
  return { ...Object.fromEntries(fields.map((field) => [field, values[field]])), length: bytes.length };
}

const OF_CHAIN: readonly Field[] = ['protocol', 'fragment', 'transportLength', 'sport', 'dport', 'tcpFlags'];

function withoutChain(key: Key): Key {
  return Object.fromEntries(Object.entries(key).filter(([field]) => !OF_CHAIN.includes(field as Field)));
}

function expectSame(found: Key, wanted: Key): void {
  if (wanted['malformed'] === 1) expect(withoutChain(found)).toEqual(withoutChain(wanted));
  else expect(found).toEqual(wanted);
}

describe('the netfilter prologue for IPv6', () => {
  const sets = [FIELDS, ...FIELDS.map((field) => [field, 'malformed'] as const)];

  it.each(sets.map((fields) => ({ fields: [...new Set(fields)], name: fields.length === 2 ? fields[0] : 'all' })))(
    'reads packets as ip6tables does, wherever their bytes lie: $name',
    ({ fields }) => {
      const read = reader(fields);
      const seen = new Map<unknown, number>();
      for (let index = 0; index < (fields.length <= 2 ? 60 : 800); index++) {
        const bytes = randomChain(seededChoice(6, index));
        const wanted = expected(bytes, fields);
        const kind = wanted['malformed'] === 1 ? 'malformed' : wanted['fragment'] === 0 ? 'whole' : 'later';
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        for (const linear of new Set([40, 53, 54, bytes.length])) {
          if (linear <= bytes.length) expectSame(read(bytes, linear), wanted);
        }
      }
      if (fields === sets[0])
        for (const kind of ['malformed', 'whole', 'later']) expect(seen.get(kind)).toBeGreaterThan(80);
    },
  );

  it.each([0, 43, 44, 51, 60])('walks over any number of headers %i', (kind) => {
    const read = reader(FIELDS);
    const udp = Uint8Array.of(0x12, 0x34, 0, 53, 0, 8, 0, 0);
    for (const count of [1, 2, 12, 13, 100, 8000]) {
      const bytes = ipv6Packet(kind, Buffer.concat([repeatedHeaders(kind, count, 17), udp]));
      const key = read(bytes, bytes.length);
      expect(key).toEqual(expected(bytes, FIELDS));
      expect([key['protocol'], key['sport'], key['dport']]).toEqual([17, 0x1234, 53]);
    }
  });

  it('says a transport length that the field can hold', () => {
    const bytes = ipv6Packet(17, new Uint8Array(70_000));
    expect(reader(FIELDS)(bytes, bytes.length)['transportLength']).toBe(0xffff);
  });

  it('drops what is shorter than a header', () => {
    const fields: readonly Field[] = ['src6'];
    const program = prepare(keyProgram('netfilter', FEATURES, fields, emitNetfilterIpv6Prologue));
    const maps = new Map([[KEY_MAP, mapValue(keyMap(fields))]]);
    expect(runNetfilter(program, { features: FEATURES, maps, packet: new Uint8Array(39) })).toBe(0);
  });
});
