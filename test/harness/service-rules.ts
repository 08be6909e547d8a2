// A ruleset as kube-proxy makes them, in the filter table: a rule for each service leads to the service's chain, which
// leads to those of its endpoints; all of them enter one that only counts.

import type { HookPacket } from '../../src/base/packet.ts';
import type { Choice } from './random.ts';
import { address, filter, forwarded, times } from './ruleset-parts.ts';

const ENDPOINTS = 3;
/** 172.20.0.0/14, 11.0.0.0/8: for the router and not of it in the tests' labs. */
const SERVICES = 0xac140000;
const HOSTS = 0x0b000000;

const PORTS = [80, 443, 8080, 9090] as const;
const portOf = (service: number): number => PORTS[service % PORTS.length]!;
const endpointOf = (service: number, number: number): number => HOSTS + ENDPOINTS * service + number;
/** Source ports that lead to an endpoint but the last. */
const sharesOf = (number: number): readonly [low: number, high: number] => [20_000 * number, 20_000 * number + 19_999];

export function serviceRules(services: number): string {
  const chains = times(services, (i) => [`SVC-${i}`, ...times(ENDPOINTS, (k) => `SEP-${i}-${k}`)]).flat();
  const rules = times(services, (i) => {
    const service = `-d ${address(SERVICES + i)}/32 -p tcp -m comment --comment "space${i % 50}/service${i}" -m tcp --dport ${portOf(i)}`;
    return [
      `-A SERVICES ${service} -j SVC-${i}`,
      `-A SVC-${i} ! -s 11.0.0.0/16 ${service} -j MARK`,
      ...times(ENDPOINTS, (k) => {
        const share = k < ENDPOINTS - 1 ? ` -p tcp -m tcp --sport ${sharesOf(k).join(':')}` : '';
        return [
          `-A SVC-${i}${share} -j SEP-${i}-${k}`,
          `-A SEP-${i}-${k} -s ${address(endpointOf(i, k))}/32 -j MARK`,
          `-A SEP-${i}-${k} -p tcp -m tcp -j ${i % 5 === 0 ? 'DROP' : 'ACCEPT'}`,
        ];
      }).flat(),
    ];
  }).flat();
  return filter(
    ['SERVICES', 'MARK', ...chains],
    ['-A FORWARD -j SERVICES', '-A OUTPUT -j SERVICES', ...rules, '-A MARK'],
  );
}

/** Mostly to a service, some of them from one of its endpoints. */
export function servicePacket(choice: Choice, services: number): HookPacket {
  const service = choice.integer(0, services);
  const [low, high] = sharesOf(choice.integer(0, ENDPOINTS - 1));
  return forwarded({
    source: choice.chance(0.5)
      ? endpointOf(service, choice.integer(0, ENDPOINTS - 1))
      : HOSTS + choice.integer(0, 0x1ffff),
    destination: SERVICES + service,
    protocol: choice.chance(0.9) ? 'tcp' : 'udp',
    sport: choice.integer(low, high),
    dport: choice.chance(0.9) ? portOf(service) : 81,
  });
}
