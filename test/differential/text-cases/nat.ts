// Rules with the targets of src/extensions/nat: whether iptables-legacy takes each, it says itself.
//
// Left out: CLUSTERIP, which newer kernels lack, and names of hosts.

import { type TextCase, textCases } from './text-case.ts';

const PORTS = `
-p tcp -j REDIRECT
-p tcp -j REDIRECT --to-ports 42
-p tcp -j REDIRECT --to-ports 0
-p tcp -j REDIRECT --to-ports 65536
-p udp -j REDIRECT --to-ports 0-0
-p udp -j REDIRECT --to-ports 42-0x50 --random
-p sctp -j REDIRECT --to-ports 1
-p dccp -j REDIRECT --to-ports 1
-p icmp -j REDIRECT --to-ports 1
-p ipv6-icmp -j REDIRECT --to-ports 1
-p udplite -j REDIRECT --to-ports 1
! -p tcp -j REDIRECT --to-ports 1
-p tcp -j REDIRECT --to-ports http
-p tcp -j REDIRECT --to-ports domain
-p tcp -j REDIRECT --to-ports http-https
-p tcp -j REDIRECT --to-ports 10-ssh
-p tcp -j REDIRECT --to-ports 5-6/7
-p tcp -j REDIRECT --to-ports 5/7
-p tcp -j REDIRECT --to-ports 6-5
-p tcp -j REDIRECT --to-ports 5:6
-p tcp -j REDIRECT --to-ports 5x
-p tcp -j REDIRECT --to-ports 5-6x
-p tcp -j REDIRECT --to-ports 5-
-p tcp -j REDIRECT --to-ports -5
-p tcp -j REDIRECT --to-ports " +5-  6"
-p tcp -j REDIRECT --to-ports ""
-j REDIRECT --to-ports 42
-j REDIRECT --to-ports 42 -p tcp
-j REDIRECT --random
-p tcp -j REDIRECT --random-fully
-p tcp -j REDIRECT --to-ports 1 --to-ports 1
-p tcp -j REDIRECT ! --to-ports 1
`;

const DNAT4 = `
-j DNAT
-j DNAT --to-destination 1.1.1.1
-j DNAT --to-destination 1.1.1.1-1.1.1.10 --random --persistent
-j DNAT --to-destination 1.1.1.9-1.1.1.1
-j DNAT --to-destination 1.1.1.1-1.1.1.1
-j DNAT --to-destination 1.1.1.1:80
-j DNAT --to-destination 1.1.1.1 -p tcp
-j DNAT --to-destination 1.1.1.1 --to-destination 2.2.2.2
-j DNAT ! --to-destination 1.1.1.1
-j DNAT --to-destination 1.1.1.1 --random-fully
-p tcp -j DNAT --to-destination 1.1.1.1-1.1.1.10:1025-65535
-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/3000
-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/3x
-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/0
-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/65536
-p tcp -j DNAT --to-destination 1.1.1.1:10-20/ftp
-p tcp -j DNAT --to-destination 1.1.1.1:10-20/nope
-p tcp -j DNAT --to-destination 1.1.1.1:http
-p tcp -j DNAT --to-destination 1.1.1.1:nope
-p tcp -j DNAT --to-destination :80
-p tcp -j DNAT --to-destination 12:80
-p tcp -j DNAT --to-destination 123:80
-p tcp -j DNAT --to-destination 1.1.1.1:
-p tcp -j DNAT --to-destination 1.1.1.1:80:90
-p tcp -j DNAT --to-destination 1.1.1.1:80x
-p tcp -j DNAT --to-destination 1.1.1.1:80-70
-p tcp -j DNAT --to-destination 1.1.1.1:80-90x
-p tcp -j DNAT --to-destination [1.1.1.1]:80
-p tcp -j DNAT --to-destination 1.1.1
-p tcp -j DNAT --to-destination 01.1.1.1
-p tcp -j DNAT --to-destination 1.1.1.256
-p tcp -j DNAT --to-destination 1.1.1.1/32
-p tcp -j DNAT --to-destination ::1
-p tcp -j DNAT --to-destination 1.1.1.1-x
-p tcp -j DNAT --to-destination 1.1.1.1-
-p tcp -j DNAT --to-destination -1.1.1.1
-p tcp -j DNAT --to-destination 1.1.1.1-1.1.1.2-1.1.1.3
-p tcp -j DNAT --to-destination ""
-p tcp -j DNAT --to-destination :
`;

const DNAT6 = `
-j DNAT --to-destination dead::beef
-j DNAT --to-destination dead::beef-dead::fee7 --random
-p tcp -j DNAT --to-destination [dead::beef]:1025-65535
-p tcp -j DNAT --to-destination [dead::beef-dead::fee7]:1000-2000/3000
-p tcp -j DNAT --to-destination [dead::beef]
-p tcp -j DNAT --to-destination x[dead::beef]y:80
-p tcp -j DNAT --to-destination []:80
-p tcp -j DNAT --to-destination :80
-p tcp -j DNAT --to-destination [x]:80
-p tcp -j DNAT --to-destination []
-p tcp -j DNAT --to-destination [::1
-p tcp -j DNAT --to-destination dead:beef
-p tcp -j DNAT --to-destination ab:80
-p tcp -j DNAT --to-destination ::ffff:1.2.3.4
-p tcp -j DNAT --to-destination 1.2.3.4
-p tcp -j DNAT --to-destination 1.2.3.4:80
-j DNAT --to-destination [::1]:80
`;

const SNAT = `
-j SNAT
-j SNAT --to-source 1.1.1.1
-j SNAT --to-source dead::1
-j SNAT --to-source 1.1.1.1 --random --random-fully --persistent
-j SNAT --to-source dead::1-dead::2 --persistent
-p tcp -j SNAT --to-source 1.1.1.1:5-6 --random-fully
-p tcp -j SNAT --to-source [dead::1]:5-6
-p tcp -j SNAT --to-source :5
-j SNAT --to-source 1.1.1.1:5
`;

const MASQUERADE = `
-j MASQUERADE
-j MASQUERADE --random
-j MASQUERADE --random-fully --random
-p tcp -j MASQUERADE --to-ports 1024
-p udp -j MASQUERADE --to-ports 1024-65535 --random
-p udp -j MASQUERADE --to-ports 1024-65536
-p udp -j MASQUERADE --to-ports 5-6/x
-j MASQUERADE --to-ports 5
-j MASQUERADE --persistent
`;

const NETMAP4 = `
-j NETMAP
-j NETMAP --to 1.2.3.0/24
-j NETMAP --to 1.2.3.4
-j NETMAP --to 10.1
-j NETMAP --to 10.1.2.3/24
-j NETMAP --to 10.1.2.3/255.255.0.0
-j NETMAP --to 10.1.2.3/255.0.255.0
-j NETMAP --to 10.1.2.3/0
-j NETMAP --to 10.1.2.3/33
-j NETMAP --to 10.1.2.3/0x10
-j NETMAP --to 10.1.2.3/
-j NETMAP --to 10.1.2.3/x
-j NETMAP --to ::1
`;

const NETMAP6 = `
-j NETMAP --to dead::/64
-j NETMAP --to dead::beef
-j NETMAP --to dead::beef/64
-j NETMAP --to dead::/ffff::
-j NETMAP --to dead::/f:f::
-j NETMAP --to dead::/0
-j NETMAP --to dead::/129
-j NETMAP --to 1.2.3.4
`;

const NPT = ['DNPT', 'SNPT'].flatMap((name) =>
  [
    `-j ${name}`,
    `-j ${name} --src-pfx dead::/64 --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead::/0 --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead::/64 --dst-pfx 1c3::/65`,
    `-j ${name} --src-pfx dead::1/64 --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead:: --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead::/ffff:: --dst-pfx ::/1`,
    `-j ${name} --src-pfx dead::/f:f:: --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead::/x --dst-pfx 1c3::/64`,
    `-j ${name} --src-pfx dead::/64`,
    `-j ${name} --dst-pfx dead::/64`,
  ].join('\n'),
);

const TPROXY = `
-j TPROXY --on-port 1
! -p tcp -j TPROXY --on-port 1
-p icmp -j TPROXY --on-port 1
-p tcp -j TPROXY
-p tcp -j TPROXY --on-port 12
-p udp -j TPROXY --on-port 70000
-p tcp -j TPROXY --on-port http --tproxy-mark 5
-p tcp -j TPROXY --on-port domain --tproxy-mark 0x5/0xF0
-p tcp -j TPROXY --on-port nope
-p tcp -j TPROXY --on-port 0x50
-p tcp -j TPROXY --on-port ""
-p tcp -j TPROXY --on-port -1
-p tcp -j TPROXY --on-port 1 --tproxy-mark x
-p tcp -j TPROXY --on-port 1 --tproxy-mark 5/x
-p tcp -j TPROXY --on-port 1 --on-ip 10.1
-p tcp -j TPROXY --on-port 1 --on-ip ::1
-p tcp -j TPROXY --on-port 1 --on-port 1
`;

const tproxyPlaces = [
  ...textCases('both', 'mangle', 'PREROUTING', TPROXY),
  ...textCases('both', 'mangle', 'INPUT', '-p tcp -j TPROXY --on-port 12'),
  ...textCases('both', 'filter', 'INPUT', '-p tcp -j TPROXY --on-port 12'),
];

/** Each target in each chain of nat, and in other tables. */
const places = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING', 'c'].flatMap((chain) => [
  ...textCases('ipv4', 'nat', chain, '-j DNAT --to-destination 1.1.1.1\n-j SNAT --to-source 1.1.1.1'),
  ...textCases('ipv6', 'nat', chain, '-j DNAT --to-destination ::1\n-j SNAT --to-source ::1\n-j NETMAP --to ::1'),
  ...textCases('both', 'nat', chain, '-j MASQUERADE\n-j REDIRECT\n-j NETMAP --to 1.1.1.1'),
]);

const otherTables = [
  ...textCases('ipv4', 'filter', 'INPUT', '-j DNAT --to-destination 1.1.1.1\n-j NETMAP --to 1.1.1.1\n-j MASQUERADE'),
  ...textCases('both', 'mangle', 'PREROUTING', '-j REDIRECT'),
  ...textCases('ipv6', 'nat', 'PREROUTING', '-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64'),
  ...textCases('ipv6', 'mangle', 'INPUT', '-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64'),
  ...textCases('ipv6', 'mangle', 'FORWARD', '-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/64'),
  ...textCases('ipv4', 'mangle', 'PREROUTING', '-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64'),
];

/** What iptables-save prints and iptables-restore would not read back. */
const savedOtherwise: readonly TextCase[] = [
  {
    ...{ family: 'ipv4', table: 'nat', chain: 'POSTROUTING' },
    rule: '-p tcp -j SNAT --to-source 1.1.1.1:5-6/7',
    prints: '-p tcp -j SNAT --to-source 1.1.1.1:5-6/7',
  },
  {
    ...{ family: 'ipv6', table: 'nat', chain: 'POSTROUTING' },
    rule: '-p tcp -j MASQUERADE --to-ports 5-6/7',
    prints: '-p tcp -j MASQUERADE --to-ports 5-6/7',
  },
  {
    ...{ family: 'ipv6', table: 'mangle', chain: 'PREROUTING' },
    rule: '-j DNPT --src-pfx ::/0 --dst-pfx ::/0',
    prints: '-j DNPT --src-pfx ::/0 --dst-pfx ::/0',
  },
];

export const cases: readonly TextCase[] = [
  ...textCases('both', 'nat', 'PREROUTING', PORTS),
  ...textCases('ipv4', 'nat', 'PREROUTING', DNAT4),
  ...textCases('ipv6', 'nat', 'PREROUTING', DNAT6),
  ...textCases('both', 'nat', 'POSTROUTING', [SNAT, MASQUERADE].join('\n')),
  ...textCases('ipv4', 'nat', 'OUTPUT', NETMAP4),
  ...textCases('ipv6', 'nat', 'INPUT', NETMAP6),
  ...textCases('ipv6', 'mangle', 'PREROUTING', NPT[0]!),
  ...textCases('ipv6', 'mangle', 'POSTROUTING', NPT[1]!),
  ...tproxyPlaces,
  ...places,
  ...otherTables,
  ...savedOtherwise,
];
