// Which conditions of rules ask for packets of which nothing is certain before netfilter.

import { nameInBytes } from '../base/device-name.ts';
import type { EarlyDevice, EarlyFacts } from '../base/early.ts';
import { complement, contains, type IntervalSet, intersect, normalize } from '../base/intervals.ts';
import { evaluatePredicate, FIELD_MAXIMUM, type FieldValues, type Literal } from '../base/predicate.ts';
import { complementWide, intersectWide, normalizeWide, type WideIntervalSet } from '../base/wide-intervals.ts';
import { wideSet } from '../classify/conditions.ts';
import type { Condition } from '../classify/decision-list.ts';

/** What nothing is certain of: the reason in the words of `LATE_REASONS`. */
type Uncertainty = 'in-device' | 'address' | 'protocol';

/** TCP and UDP: see `src/codegen/early-connection.ts`. */
const LOOKED_UP = [6, 17];

/** Tells conditions that no packet meets of which anything is certain. */
export class UncertainConditions {
  private readonly known = new Map<Condition, Uncertainty | undefined>();
  private readonly names: readonly string[];
  private readonly addresses: MetAddresses;
  private readonly tracked: boolean;

  constructor(facts: EarlyFacts, tracked: boolean) {
    this.tracked = tracked;
    this.names = facts.devices.flatMap(({ name, sources }) => (sources.length > 0 ? [nameInBytes(name)] : []));
    this.addresses = metAddresses(facts);
  }

  why(condition: Condition): Uncertainty | undefined {
    if (!this.known.has(condition)) this.known.set(condition, this.find(condition));
    return this.known.get(condition);
  }

  private find(condition: Condition): Uncertainty | undefined {
    const { field, literals, set } = condition;
    if (field === 'inDevice') return this.names.some((name) => hold(literals, name)) ? undefined : 'in-device';
    if (field === 'src6' || field === 'dst6') {
      const asked = wideSet(condition);
      return asked !== undefined && intersectWide(asked, this.addresses[field]).length === 0 ? 'address' : undefined;
    }
    if (set === undefined) return undefined;
    if (field === 'protocol') return !this.tracked || LOOKED_UP.some((each) => contains(set, each)) ? undefined : field;
    if (field !== 'src' && field !== 'dst') return undefined;
    return intersect(set, this.addresses[field]).length === 0 ? 'address' : undefined;
  }
}

/** The addresses of packets of which something is certain. */
type MetAddresses = Readonly<Record<'src' | 'dst', IntervalSet> & Record<'src6' | 'dst6', WideIntervalSet>>;

/** Of ways through this host, those that lead back by the device that a packet came in by are left out. */
function metAddresses(facts: EarlyFacts): MetAddresses {
  const none = { src: [], dst: [], src6: [], dst6: [] };
  if (facts.family === 'ipv4') {
    const { local, routed, devices } = facts;
    const beyond = (back: IntervalSet = []) => intersect(routed, complement(back, FIELD_MAXIMUM.dst));
    return {
      ...none,
      src: normalize(devices.flatMap(({ sources }) => sources)),
      dst: normalize([...local, ...forwarding(devices).flatMap(({ back }) => beyond(back))]),
    };
  }
  const { local, routed, devices } = facts;
  const beyond = (back: WideIntervalSet = []) => intersectWide(routed, complementWide(back));
  return {
    ...none,
    src6: normalizeWide(devices.flatMap(({ sources }) => sources)),
    dst6: normalizeWide([...local, ...forwarding(devices).flatMap(({ back }) => beyond(back))]),
  };
}

/** The devices whose packets may come to FORWARD. */
function forwarding<Addresses extends readonly unknown[]>(
  devices: readonly EarlyDevice<Addresses>[],
): EarlyDevice<Addresses>[] {
  return devices.filter(({ forwards, sources }) => forwards && sources.length > 0);
}

function hold(literals: readonly Literal[], inDevice: string): boolean {
  const values = { inDevice } as FieldValues;
  return literals.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated);
}
