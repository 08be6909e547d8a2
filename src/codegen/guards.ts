// The guards of an early verdict: is everything still as it was when the rules were compiled?
//
// Asked just before a packet is dropped, so packets that go on never pay for it. The words of the namespace (see
// `surroundings.ts`) must equal those that user space has kept, 192 bytes for each family; where all bits are set, which no
// kernel has, programs defer everything. Besides, nobody may take frames from the device, or listen
// to them, before netfilter would see them: bridges, bonds, VLANs, tc, netdev hooks, packet sockets (DHCP clients are
// some); the device must take packets of the family; and no policy of IPsec may throw away what is to be forwarded, by the
// one for such packets or by that of where they go (`xfrm_policy_check`, `xfrm_route_forward`, include/net/xfrm.h).

import type { Family } from '../base/family.ts';
import type { Features } from '../base/features.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import type { MapDefinition } from '../bpf/image.ts';
import { R1, R2, R3, R4, R5 } from '../bpf/instruction.ts';
import { emitSameName, type NamedDevice } from './device-names.ts';
import { emitForeignWords } from './foreign-words.ts';
import { requireSurroundings, requireWords, WATCHED_HOOKS, WORDS } from './surroundings.ts';
import { emitDevicePointer } from './xdp-frame.ts';

/** Named anew whenever words of the same number come to mean something else. */
export const GUARD_MAP = 'guard_words';
/** That of earlier versions. */
export const FORMER_GUARD_MAP = 'guards';

/** XFRM_USERPOLICY_ACCEPT (include/uapi/linux/xfrm.h) */
const IPSEC_ACCEPTS = 2;

/** Where a family's words are in the map, in bytes. */
export const GUARDS: Readonly<Record<Family, number>> = { ipv4: 0, ipv6: WORDS.size };

/** Words that no kernel has. */
const NEVER_SAME = new Uint8Array(WORDS.size).fill(0xff);

/** The map with the words that the generations in force rest on. */
export function guardMap(): MapDefinition {
  const contents = new Uint8Array([...NEVER_SAME, ...NEVER_SAME]);
  return { name: GUARD_MAP, type: 'array', valueSize: contents.length, maxEntries: 1, mmapable: true, contents };
}

/** Goes to `changed` where something is not as it was, the names of devices included, if any are given. R6 is the context. Clobbers R0–R5. */
export function emitGuards(
  a: Assembler,
  features: Features,
  family: Family,
  changed: Label,
  devices: readonly NamedDevice[] = [],
): void {
  const { layout } = features;
  const surroundings = requireSurroundings(features);
  const { deviceTakers, deviceListeners, netListeners, policies, policyDefaults } = surroundings;
  const words = requireWords(features, family);
  const emitEmpty = (list: number): void => {
    // An empty list's first pointer is to itself.
    a.load(8, R1, R4, list).mov(R2, R4).alu('add', R2, list).jump('ne', R1, R2, changed);
  };
  emitDevicePointer(a, features, R4);
  if (devices.length > 0) emitSameName(a, features, devices, R4, changed);
  for (const pointer of deviceTakers) a.load(8, R1, R4, pointer).jump('ne', R1, 0, changed);
  for (const list of deviceListeners) emitEmpty(list);
  if (words.deviceOff !== undefined) {
    const { pointer, word } = words.deviceOff;
    a.load(8, R1, R4, pointer).jump('eq', R1, 0, changed).load(4, R1, R1, word).jump('ne', R1, 0, changed);
  }
  a.load(8, R4, R4, layout.deviceNet);
  for (const list of netListeners) emitEmpty(list);
  for (const count of policies) a.load(4, R1, R4, count).jump('ne', R1, 0, changed);
  for (const byDefault of policyDefaults) a.load(1, R1, R4, byDefault).jump('ne', R1, IPSEC_ACCEPTS, changed);
  a.loadMapValue(R3, GUARD_MAP, GUARDS[family]);
  const emitSame = (size: 4 | 8, there: number, kept: number): void => {
    a.load(size, R1, R4, there).load(size, R2, R3, kept).jump('ne', R1, R2, changed);
  };
  WATCHED_HOOKS.forEach((_, place) => {
    emitSame(8, words.hooks + 8 * place, WORDS.hooks + 8 * place);
  });
  emitSame(4, words.routes, WORDS.routes);
  emitSame(4, words.addresses, WORDS.addresses);
  words.more.forEach(({ pointer, word }, place) => {
    a.load(8, R1, R4, pointer).load(4, R1, R1, word);
    a.load(4, R2, R3, WORDS.more + 4 * place).jump('ne', R1, R2, changed);
  });
  emitForeignWords(a, words.hooks, {
    ...{ features, layout: surroundings, family, tooMany: changed },
    known: (word) => a.loadMapValue(R3, GUARD_MAP, GUARDS[family] + word).load(8, R1, R3, 0),
    take: (word, size) => {
      a.loadMapValue(R3, GUARD_MAP, GUARDS[family] + word)
        .load(size, R2, R3, 0)
        .jump('ne', R5, R2, changed);
    },
  });
}
