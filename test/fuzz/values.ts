// The pools that values of options come from, by the names that `vocabulary.ts` has for them.

import type { Family } from '../../src/base/family.ts';
import type { Choice } from '../harness/random.ts';
import {
  address,
  among,
  byte,
  comment,
  date,
  dayTime,
  hashRate,
  host,
  length,
  list,
  mark,
  mask,
  mixed,
  number6,
  number16,
  number32,
  number64,
  oneOf,
  type Pool,
  pattern,
  port,
  portRange,
  prefixText,
  range,
  rate,
  varied,
} from './pools.ts';

const repeated = (...counts: readonly number[]) => counts.map((count) => 'c'.repeat(count));
const small: Pool = (choice) => `${choice.integer(0, 33)}`;
const names = (text: string, longest = 4) => list(varied(among(text)), longest);
const joined =
  (...parts: readonly (Pool | string)[]): Pool =>
  (choice, family) =>
    parts.map((part) => (typeof part === 'string' ? part : part(choice, family))).join('');

const POOLS: Readonly<Record<string, Pool>> = {
  address,
  addressRange: mixed(
    [5, joined(host, '-', host)],
    [5, (choice, family) => host(choice, family).replace(/.*/, (one) => (one === '' ? '' : `${one}-${one}`))],
    [2, host],
    [1, joined('-', host)],
    [1, joined(host, '-')],
    [1, joined(host, '-', host, '-', host)],
  ),
  addresses: list(address),
  addrTypes: names(
    'UNSPEC UNICAST LOCAL BROADCAST ANYCAST MULTICAST BLACKHOLE UNREACHABLE PROHIBIT THROW NAT XRESOLVE',
    12,
  ),
  bitRate: joined(number32, among('bit kbit mbit gbit bps kbps mbps ~ Mibit x Kbit KBIT', '')),
  byte,
  bytecode: mixed(
    [5, oneOf('1,6 0 0 1', '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0', '2,6 0 0 1,6 0 0 0', '1,6 0 0 4294967295')],
    [
      1,
      oneOf(
        '0',
        '1,6_0_0_0',
        'x',
        '2,6 0 0 1',
        '1,6 0 0',
        '1,6 0 0 1,',
        '1,256 0 0 1',
        '65,6 0 0 1',
        '1,6 0 0 4294967296',
        '',
      ),
    ],
  ),
  chunkTypes: names(
    'DATA INIT INIT_ACK SACK HEARTBEAT HEARTBEAT_ACK ABORT SHUTDOWN SHUTDOWN_ACK ERROR COOKIE_ECHO COOKIE_ACK ECN_ECNE ECN_CWR SHUTDOWN_COMPLETE ASCONF ASCONF_ACK FORWARD_TSN DATA:UBE DATA:ube DATA:Be ABORT:T ABORT:t SHUTDOWN_COMPLETE:T I_DATA RE_CONFIG PAD NONE ~ DATA:X DATA: ALL',
    8,
  ),
  class: among('1:2 0:0 ffff:ffff a:b ~ 10000:1 1:10000 1 x:1 :1 1: 1:2:3 0x1:0x2', ''),
  comment,
  ctEvents: names('new related destroy reply assured protoinfo helper mark natseqinfo secmark', 10),
  ctStates: names('NEW ESTABLISHED RELATED INVALID UNTRACKED SNAT DNAT', 7),
  ctStatuses: names('NONE EXPECTED SEEN_REPLY ASSURED CONFIRMED', 5),
  date,
  dayTime,
  dccpTypes: names('REQUEST RESPONSE DATA ACK DATAACK CLOSEREQ CLOSE RESET SYNC SYNCACK INVALID', 11),
  dscp: number6,
  dscpClass: varied(among('EF BE CS0 CS1 CS2 CS7 AF11 AF12 AF13 AF21 AF43 ~ CS8 AF44 ef')),
  hashBurst: mixed([8, number32], [2, joined(number32, among('b kb mb ~ gb x'))]),
  hashModes: names('srcip dstip srcport dstport ~ none', 5),
  hashRate,
  headerOptions: list(mixed([1, byte], [1, joined(byte, ':', byte)]), 17),
  hexPattern: among(
    '|00| |0001ff| a|41|b |20| |22| |5c| |7c| abc ~ |0 1| a|4| | || |zz| |41 \\| \\',
    'a\\b|20|',
    '|61 62 63|',
    'x'.repeat(129),
    '|41 42 |',
    '| 41|',
    '',
  ),
  hits: among('1 5 20 21 255 ~ 0 256 65535 65536 4294967295 x -1'),
  hmarkTuple: names('src dst sport dport spi ct ~ ct, x', 6),
  host,
  icmpType: mixed(
    [
      1,
      varied(
        among(
          'echo-request ping pong any echo-reply destination-unreachable network-unreachable redirect time-exceeded ttl-exceeded TOS-network-redirect parameter-problem source-quench address-mask-reply router-advertisement ~ TOS echo t',
        ),
      ),
    ],
    [1, range(byte, '/')],
  ),
  icmp6Type: mixed(
    [
      1,
      varied(
        among(
          'echo-request ping pong echo-reply destination-unreachable no-route packet-too-big time-exceeded ttl-zero-during-transit parameter-problem neighbour-solicitation neighbor-advertisement redirect router-advertisement mld-listener-query reject-route policy-fail beyond-scope ~ n any',
        ),
      ),
    ],
    [1, range(byte, '/')],
  ),
  interface: among('eth0 eth+ lo + wlan0.1 aaaaaaaaaaaaaaa br-lan ~ aaaaaaaaaaaaaaaa a/b eth0+1 ++', '', 'a b'),
  ipv6Headers: names(
    'hop hop-by-hop dst ipv6-opts route ipv6-route frag ipv6-frag auth ah esp none ipv6-nonxt prot protocol proto 0 60 50 59 255 ~ tcp 1',
    8,
  ),
  length,
  logLevel: varied(among('0 4 7 debug info notice warning warn err error crit alert emerg panic ~ 8 -1 x', '')),
  mac: mixed(
    [6, (choice) => [...choice.bytes(6)].map((octet) => octet.toString(16).padStart(2, '0')).join(':')],
    [
      1,
      among(
        'AA:BB:CC:DD:EE:FF ~ 0:1:2:3:4:5 00:11:22:33:44 00:11:22:33:44:55:66 00-11-22-33-44-55 00:11:22:33:44:5g 001122334455',
        '',
      ),
    ],
  ),
  mark,
  mask,
  mhTypes: range(
    mixed(
      [1, byte],
      [
        1,
        varied(
          among(
            'bind-refresh-request brr home-test-init hoti careof-test-init coti home-test hot binding-update bu binding-acknowledgement ba binding-error be',
          ),
        ),
      ],
    ),
  ),
  monthDays: list(mixed([8, (choice) => `${choice.integer(1, 31)}`], [1, among('01 1st 2nd 3rd ~ 0 32 x 1-5')]), 6),
  name: among(
    'n1 DEFAULT x a_b a-b a.b aaaaaaaaaaaaaaa ~ aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb /x .',
    '',
    'a b',
    ...repeated(255, 256),
  ),
  natRange: (choice, family) => {
    const one = host(choice, family);
    const base = choice.chance(0.3) ? `${one}-${host(choice, family)}` : one;
    if (choice.chance(0.4)) return base;
    const ports = `${range(port, '-')(choice, family)}${choice.chance(0.1) ? `/${port(choice, family)}` : ''}`;
    if (choice.chance(0.1)) return `:${ports}`;
    return family === 'ipv6' && choice.chance(0.9) ? `[${base}]:${ports}` : `${base}:${ports}`;
  },
  number16,
  number32,
  number64,
  path: among('~ / /sys/fs/bpf/nosuch nosuch /x/y', '', '/a b', 'p'.repeat(600)),
  pattern,
  port,
  portDashRange: range(port, '-'),
  portList: list(mixed([7, port], [3, portRange]), 17),
  portRange,
  prefix: joined(host, '/', among('64 48 63 56 32 ~ 65 0 128 x')),
  prefixText,
  probability: among(
    '0 1 0.5 0.05 0.1 0.999999 1.0 .5 5e-1 0.00000000001 0.3333333 0.0000000002 ~ 1.1 -0.1 1e-5 0x0.8 5. x nan inf 0,5',
    '',
  ),
  protocol: mixed(
    [1, byte],
    [6, among('tcp udp icmp ipv6-icmp sctp dccp esp ah udplite gre igmp ~ icmpv6 all ALL TCP nosuch ip 0')],
  ),
  queueRange: range(number16),
  range16: range(number16),
  range32: range(number32),
  range64: range(number64),
  rate,
  realm: mixed([9, mark], [1, among('cosmos nosuch')]),
  recentName: among('DEFAULT n1 n2 badguys ~ a/b . ..', '', 'a b', ...repeated(199, 200, 201)),
  rejectType: (choice, family) => (family === 'ipv6' ? IPV6_REJECTS : IPV4_REJECTS)(choice, family),
  setFlags: among('src dst src,dst dst,src,src ~ x src,x src,src,src,src,src,src,src', ''),
  small: mixed([9, small], [1, number32]),
  stripOptions: list(mixed([6, among('wscale mss sack-permitted sack timestamp md5 ~ ws')], [4, byte]), 6),
  tcpFlags: names('SYN ACK FIN RST URG PSH ALL NONE SYN ACK ~ ECE CWR X', 6),
  timeUnit: among('250ms 500ms 1s 2s 1000us 5s 8s ~ 0 2 300 x 4294967295us 1.5s 16'),
  tos: mixed(
    [
      4,
      among(
        'Minimize-Delay Maximize-Throughput Maximize-Reliability Minimize-Cost Normal-Service ~ Minimize-delay M min Normal nosuch',
      ),
    ],
    [3, byte],
    [3, joined(byte, '/', byte)],
  ),
  u32: among(
    '0=1 0>>22&0x3C@0=0x1:0x2 6&0xFF=1 0=0&&1=2 0=0:1,3:4 6&0xFF=6&&4&0x1FFF=0 0>>3<<2&7=1:0 ~ x 0 0= =1 0=1&& 0&1 0>>33=1 0@0=1 0<<8=0xffffffff 0=4294967296',
    ' 0 = 1 ',
    '0=1 && 4=5',
    Array.from({ length: 12 }, (_, i) => `${i}=1`).join('&&'),
  ),
  uid: mixed(
    [3, number32],
    [2, among('root nobody daemon ~ nosuch 0-0 root-nobody 0-root')],
    [2, range(number32, '-')],
  ),
  weekDays: list(among('Mon Tue Wed Thu Fri Sat Sun Mo Tu monday SUN 1 2 3 4 5 6 7 ~ 0 8 x'), 7),
  zone: mixed([4, number16], [1, among('mark')]),
};

const IPV4_REJECTS = varied(
  among(
    'icmp-net-unreachable net-unreach icmp-host-unreachable host-unreach icmp-proto-unreachable proto-unreach icmp-port-unreachable port-unreach icmp-net-prohibited net-prohib icmp-host-prohibited host-prohib tcp-reset tcp-rst icmp-admin-prohibited admin-prohib ~ icmp echo-reply host icmp-host',
  ),
);
const IPV6_REJECTS = varied(
  among(
    'icmp6-no-route no-route icmp6-adm-prohibited adm-prohibited icmp6-addr-unreachable addr-unreach icmp6-port-unreachable port-unreach tcp-reset icmp6-policy-fail policy-fail icmp6-reject-route reject-route ~ tcp icmp-port-unreachable',
  ),
);

/** A value of a pool; or of those divided by `|`, each a pool or the word itself, behind a `~` the wrong ones. */
export function valueFrom(source: string, choice: Choice, family: Family): string {
  const pool = POOLS[source];
  if (pool !== undefined) return pool(choice, family);
  const [right, wrong = []] = source.split('~').map((part) => part.split('|'));
  const chosen = choice.pick(wrong.length > 0 && choice.chance(0.1) ? wrong : right!);
  return chosen === source ? chosen : (POOLS[chosen]?.(choice, family) ?? chosen);
}

/** Whether a word of the vocabulary is the name of a pool. */
export function isPool(source: string): boolean {
  return Object.hasOwn(POOLS, source);
}
