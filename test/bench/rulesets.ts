// Rulesets of any size for measurements, the same on every machine: everything follows from the number of the rule.

/** `rules` lines of `-A`, in a file as iptables-save prints it. */
export interface RulesetKind {
  readonly name: string;
  readonly summary: string;
  text(rules: number): string;
}

/** Spreads numbers over 32 bits, each to another one (the golden ratio's odd multiplier). */
const spread = (n: number): number => Math.imul(n + 1, 0x9e3779b1) >>> 0;

function address(n: number): string {
  const bits = spread(n);
  // Unicast addresses only, of which there are enough to stay distinct.
  return `${1 + ((bits >>> 24) % 126)}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

const port = (n: number): number => 1 + ((spread(n) >>> 16) % 65_535);

/** Who may not come in, one rule for each address. */
const blocklist: RulesetKind = {
  name: 'blocklist',
  summary: '-A INPUT -s ADDRESS/32 -j DROP',
  text: (rules) =>
    filter(
      [],
      times(rules, (n) => `-A INPUT -s ${address(n)}/32 -j DROP`),
    ),
};

/** Flows between hosts: addresses, device, protocol and both ports. */
const flows: RulesetKind = {
  name: 'flows',
  summary: 'addresses, device, protocol, both ports',
  text: (rules) =>
    filter(
      [],
      times(rules, (n) => {
        const protocol = n % 4 === 3 ? 'udp' : 'tcp';
        const addresses = `-s ${address(n)}/32 -d ${address(n + 0x1000000)}/32 -i eth${n % 4}`;
        const ports = `-p ${protocol} -m ${protocol} --sport 1024:65535 --dport ${port(n)}`;
        return `-A FORWARD ${addresses} ${ports} -j ${n % 3 === 0 ? 'DROP' : 'ACCEPT'}`;
      }),
    ),
};

/** Rules of one user chain in `mixed`. */
const CHAIN = 100;

/** What a firewall grown over years holds: chains, comments, states, lists of ports, rates, logs, rejections. */
const mixed: RulesetKind = {
  name: 'mixed',
  summary: 'chains, comment, conntrack, multiport, limit, LOG, REJECT',
  text: (rules) => {
    const chains = Array.from({ length: Math.ceil(rules / CHAIN) }, (_, n) => `zone-${n}`);
    return filter(
      chains,
      times(rules, (n) => {
        const own = `zone-${Math.floor(n / CHAIN)}`;
        return n % CHAIN === 0 ? `-A INPUT -s ${address(n)}/16 -j ${own}` : `-A ${own} ${MIXED[n % MIXED.length]!(n)}`;
      }),
    );
  },
};

const MIXED: readonly ((n: number) => string)[] = [
  () => '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  (n) => `-s ${address(n)}/32 -p tcp -m tcp --dport ${port(n)} -m comment --comment "ticket ${n}: a partner" -j ACCEPT`,
  (n) => `-p tcp -m multiport --dports 80,443,${port(n)},8000:8080 -m conntrack --ctstate NEW -j ACCEPT`,
  (n) => `-s ${address(n)}/24 -i eth${n % 8} -p udp -m udp --dport 53 -j ACCEPT`,
  () => '-p icmp -m icmp --icmp-type 8 -m limit --limit 10/sec -j ACCEPT',
  () => '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN',
  (n) => `-d ${address(n)}/32 -m limit --limit 3/min -j LOG --log-prefix "zone ${Math.floor(n / CHAIN)}: "`,
  (n) => `-s ${address(n)}/32 -p tcp -m tcp --dport ${port(n)} -j REJECT --reject-with tcp-reset`,
  (n) => `! -s ${address(n)}/8 -m comment --comment plain -j DROP`,
];

export const RULESETS: readonly RulesetKind[] = [blocklist, flows, mixed];

function times(count: number, line: (n: number) => string): string[] {
  return Array.from({ length: count }, (_, n) => line(n));
}

function filter(chains: readonly string[], rules: readonly string[]): string {
  const builtin = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]'];
  return ['*filter', ...builtin, ...chains.map((name) => `:${name} - [0:0]`), ...rules, 'COMMIT', ''].join('\n');
}
