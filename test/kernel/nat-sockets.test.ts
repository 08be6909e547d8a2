// Real sockets through a router that does NAT: a host outside, one inside, rules with connection states, at placement exact and
// with iptables-legacy. Whoever gets an answer from one router gets it from the other; the same
// rules have met packets, and our router drops before netfilter what is certain to be dropped.

import { type ChildProcess, spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { legacyIptables } from '../harness/iptables.ts';
import type { Subject } from '../harness/lab.ts';
import { connect, type Namespace, withNamespaces } from '../harness/namespace.ts';

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j DROP
-A INPUT -p tcp -m tcp --dport 23 -j DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i veth0 -o eth1 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT --ctorigdst 192.0.2.1 --ctorigdstport 8080 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 81 -j DROP
-A FORWARD -p udp -j DROP
COMMIT
`;
/** Of TCP, hosts send as many packets as they see fit; of UDP these rules count what was said. */
const COUNTING: Readonly<Record<string, readonly number[]>> = { INPUT: [2], FORWARD: [4] };

const NAT = `*nat
-A PREROUTING -i eth1 -d 192.0.2.1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 198.51.100.2:80
-A PREROUTING -i eth1 -p udp -m udp --dport 5353 -j DNAT --to-destination 198.51.100.2:53
-A POSTROUTING -s 198.51.100.0/24 -o eth1 -j MASQUERADE
COMMIT
`;

/** Who talks to whom: protocol, address and port. */
const OUTSIDE = [
  'tcp 192.0.2.1 8080',
  'tcp 192.0.2.1 22',
  'tcp 192.0.2.1 23',
  'tcp 198.51.100.2 81',
  'udp 192.0.2.1 53',
];
const MORE_OUTSIDE = ['udp 192.0.2.1 54', 'udp 198.51.100.2 53', 'udp 192.0.2.1 5353', 'tcp 192.0.2.1 80'];
const FROM_OUTSIDE = [...OUTSIDE, ...MORE_OUTSIDE];
const FROM_INSIDE = ['tcp 192.0.2.2 80', 'udp 192.0.2.2 53', 'tcp 192.0.2.2 81', 'tcp 192.0.2.1 23'];
const ANSWERED = ['tcp 192.0.2.1 8080', 'tcp 192.0.2.1 22'];
const [REFUSED, ANSWERED_INSIDE] = [['tcp 192.0.2.2 81'], ['tcp 192.0.2.2 80', 'udp 192.0.2.2 53']];

/** At least: all that is neither answered nor translated. */
const DROPPED_EARLY = 7;

/** Answers on ports of TCP and UDP until its input ends. */
const SERVER = `
  const { createServer } = require('node:net');
  const tcp = process.argv[1].split(',').map((port) =>
    new Promise((done) => createServer((one) => one.on('error', () => {}).on('data', (data) => one.end(data))).listen(port, done)));
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (data, from) => socket.send(data, from.port, from.address));
  Promise.all([...tcp, new Promise((done) => socket.bind(53, done))]).then(() => console.log('ready'));
  process.stdin.resume().on('end', () => process.exit());`;

/** Says something to each, and prints who answered or refused; less than the second after which TCP asks again. */
const CLIENT = `
  const { connect } = require('node:net');
  const say = (whom) => new Promise((done) => {
    const [protocol, host, port] = whom.split(' ');
    setTimeout(done, 700, 'nothing');
    if (protocol === 'tcp') {
      const socket = connect({ host, port: Number(port) }, () => socket.write('x'.repeat(3000)));
      let size = 0;
      socket.on('data', (data) => (size += data.length)).on('end', () => done(size === 3000 ? 'answered' : 'cut'));
      socket.on('error', (error) => done(error.code));
    } else {
      const socket = require('node:dgram').createSocket('udp4');
      socket.on('message', () => done('answered')).on('error', () => done('error'));
      socket.send('x', Number(port), host);
    }
  });
  Promise.all(process.argv.slice(1).map(async (whom) => [whom, await say(whom)])).then((all) => {
    console.log(JSON.stringify(Object.fromEntries(all)));
    process.exit();
  });`;

async function serve(namespace: Namespace, ports: string): Promise<ChildProcess> {
  const server = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', SERVER, ports]);
  await new Promise((resolve, reject) => {
    server.stdout.once('data', resolve);
    server.once('exit', reject);
  });
  return server;
}

const say = (namespace: Namespace, whom: readonly string[]): Record<string, string> =>
  JSON.parse(namespace.exec(process.execPath, ['-e', CLIENT, ...whom]));

function join(router: Namespace, outside: Namespace, inside: Namespace): void {
  router.sysctl('net.ipv4.ip_forward', 1);
  connect(router, 'eth1', outside, 'eth0');
  connect(router, 'veth0', inside, 'eth0');
  router.ip('addr add 192.0.2.1/24 dev eth1');
  router.ip('addr add 198.51.100.1/24 dev veth0');
  outside.ip('addr add 192.0.2.2/24 dev eth0');
  outside.ip('route add 198.51.100.0/24 via 192.0.2.1');
  inside.ip('addr add 198.51.100.2/24 dev eth0');
  inside.ip('route add default via 198.51.100.1');
}

/** What became of all that was said, and the counters. */
async function talk(subject: Subject, command: string) {
  return withNamespaces(['router', 'outside', 'inside'], async ([router, outside, inside]) => {
    join(router!, outside!, inside!);
    router!.exec(`${command}-restore`, ['-w'], NAT);
    const servers: ChildProcess[] = [];
    try {
      subject.load(router!, RULES);
      servers.push(await serve(outside!, '80'), await serve(inside!, '80'), await serve(router!, '22,23'));
      const heard = { outside: say(outside!, FROM_OUTSIDE), inside: say(inside!, FROM_INSIDE) };
      const counters = subject.counters(router!);
      const counted = Object.entries(COUNTING).map(([chain, exact]) =>
        counters.get(chain)!.rules.map((rule, i) => (exact.includes(i) ? rule : rule.packets > 0n)),
      );
      if (!(subject instanceof BpfilterSubject)) return { heard, counted, early: 0 };
      const status = subject.status(router!).families.ipv4.early!;
      expect(status.left).toBe('packets that rules of NAT may change are left to netfilter');
      const early = Number(status.dropped);
      subject.unload(router!);
      return { heard, counted, early };
    } finally {
      for (const server of servers) server.kill();
    }
  });
}

it.each(['iptables-legacy', 'iptables-nft'] as const)(
  'real sockets get what they get from iptables-legacy; NAT by %s',
  async (nat) => {
    const expected = await talk(legacyIptables, nat);
    const ours = new BpfilterSubject('exact', 'generic', {}, 'ipv4', 'fast', ['eth1', 'veth0']);
    try {
      const found = await talk(ours, nat);
      expect({ ...found, early: 0 }).toEqual(expected);
      expect(found.early).toBeGreaterThanOrEqual(DROPPED_EARLY);
      const { outside, inside } = found.heard;
      const who = (heard: Record<string, string>, what: string) =>
        Object.keys(heard).filter((whom) => heard[whom] === what);
      expect(who(outside, 'answered')).toEqual(ANSWERED);
      expect(who(inside, 'answered')).toEqual(ANSWERED_INSIDE);
      expect(who(inside, 'ECONNREFUSED')).toEqual(REFUSED);
    } finally {
      ours.close();
    }
  },
);
