// The extensions that iptables 1.8.9 ships and bpfilter does not enforce yet, by name, for messages that can say so.

const MATCHES =
  'addrtype ah bpf cgroup cluster connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp ecn esp ' +
  'hashlimit helper icmp6 ipcomp iprange ipvs length limit mac mark multiport nfacct osf owner physdev pkttype policy ' +
  'quota rateest realm recent rpfilter sctp set socket state statistic string tcpmss time tos ttl u32 udplite';

const TARGETS =
  'AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DSCP ECN HMARK IDLETIMER LED LOG MARK MASQUERADE ' +
  'NETMAP NFLOG NFQUEUE NOTRACK QUEUE RATEEST REDIRECT REJECT SECMARK SET SNAT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS ' +
  'TPROXY TRACE TTL ULOG';

export const KNOWN_MATCHES: ReadonlySet<string> = new Set(MATCHES.split(' '));
export const KNOWN_TARGETS: ReadonlySet<string> = new Set(TARGETS.split(' '));
