// What rules are made of: every match and target of iptables 1.8.9 with its options, written apart from
// `src/extensions`, so that an option which is missing there is found. Whether both agree is asked by `generate.test.ts`.
//
// A line of text for each option: its spellings, `!` where it can be negated, then one word for each value: the name of
// a pool in `values.ts`, or the values themselves, divided by `|`.

import type { Family } from '../../src/base/family.ts';

export interface VocabularyOption {
  readonly spellings: readonly string[];
  readonly negatable: boolean;
  /** Where values come from, one entry for each word that the option takes. */
  readonly values: readonly string[];
}

export interface VocabularyExtension {
  readonly kind: 'match' | 'target';
  readonly name: string;
  /** Absent for both. */
  readonly family?: Family;
  /** One of these must stand behind `-p`. */
  readonly protocols: readonly string[];
  /** The tables and chains where most of its rules are legal. */
  readonly tables: readonly string[];
  readonly chains: readonly string[];
  /** Options that are given more often than not: without them the rest means nothing. */
  readonly usual: readonly string[];
  /** Beginnings that are complete by themselves, one of which often stands in place of what is usual. */
  readonly starts: readonly (readonly string[])[];
  /** Words that the rule needs besides. */
  readonly needs: readonly string[];
  /** A rule that must stand in front, for what the kernel looks up by name. */
  readonly before: string | undefined;
  readonly options: readonly VocabularyOption[];
}

const TEXT = `
match addrtype
 --src-type ! addrTypes
 --dst-type ! addrTypes
 --limit-iface-in
 --limit-iface-out
match ah family=ipv4 p=ah
 --ahspi ! range32
match ah family=ipv6 p=ah
 --ahspi ! range32
 --ahlen ! number32
 --ahres
match bpf
 --object-pinned path
 --bytecode bytecode
match cgroup chains=INPUT,OUTPUT,POSTROUTING usual=--cgroup
 --cgroup ! number32
 --path ! path
match cluster starts=--cluster-total-nodes_4_--cluster-local-node_2_--cluster-hash-seed_7,--cluster-total-nodes_32_--cluster-local-nodemask_0xff00_--cluster-hash-seed_0xdeadbeef usual=--cluster-total-nodes,--cluster-local-node,--cluster-hash-seed
 --cluster-total-nodes small
 --cluster-local-node ! small
 --cluster-local-nodemask ! number32
 --cluster-hash-seed number32
match comment usual=--comment
 --comment comment
match connbytes usual=--connbytes,--connbytes-mode,--connbytes-dir
 --connbytes ! range64
 --connbytes-dir original|reply|both~orig|ORIGINAL|x
 --connbytes-mode packets|bytes|avgpkt~p|avg|
match connlabel usual=--label
 --label ! 0|1|40|127~128|-1|eth0-in|0x10
 --set
match connlimit usual=--connlimit-above
 --connlimit-upto ! number32
 --connlimit-above ! number32
 --connlimit-mask length
 --connlimit-saddr
 --connlimit-daddr
match connmark usual=--mark
 --mark ! mark
match conntrack starts=--ctproto_tcp,--ctdir_REPLY,--ctexpire_1:9 usual=--ctstate
 --ctstate ! ctStates
 --ctproto ! protocol
 --ctorigsrc ! address
 --ctorigdst ! address
 --ctreplsrc ! address
 --ctrepldst ! address
 --ctorigsrcport ! portRange
 --ctorigdstport ! portRange
 --ctreplsrcport ! portRange
 --ctrepldstport ! portRange
 --ctstatus ! ctStatuses
 --ctexpire ! range32
 --ctdir original|reply|ORIGINAL|REPLY~both|o
match cpu usual=--cpu
 --cpu ! number32
match dccp p=dccp usual=--dport
 --sport,--source-port ! portRange
 --dport,--destination-port ! portRange
 --dccp-types ! dccpTypes
 --dccp-option ! byte
match devgroup usual=--src-group chains=FORWARD
 --src-group ! mark
 --dst-group ! mark
match dscp
 --dscp ! dscp
 --dscp-class ! dscpClass
match dst family=ipv6 p=ipv6-opts,60,all
 --dst-len ! byte
 --dst-opts headerOptions
match ecn
 --ecn-tcp-cwr !
 --ecn-tcp-ece !
 --ecn-ip-ect ! 0|1|2|3~4|-1|x|0x2|
match esp p=esp usual=--espspi
 --espspi ! range32
match eui64 family=ipv6 chains=PREROUTING,INPUT,FORWARD
match frag family=ipv6 p=all,ipv6-frag
 --fragid ! range32
 --fraglen ! number32
 --fragres
 --fragfirst
 --fragmore
 --fraglast
match hashlimit starts=--hashlimit-above_1kb/s_--hashlimit-name_n2,--hashlimit-upto_5/min_--hashlimit-burst_9_--hashlimit-mode_srcip_--hashlimit-name_n3 usual=--hashlimit-name,--hashlimit-upto
 --hashlimit-upto,--hashlimit ! hashRate
 --hashlimit-above ! hashRate
 --hashlimit-burst hashBurst
 --hashlimit-mode hashModes
 --hashlimit-srcmask length
 --hashlimit-dstmask length
 --hashlimit-name name
 --hashlimit-htable-size number32
 --hashlimit-htable-max number32
 --hashlimit-htable-gcinterval number32
 --hashlimit-htable-expire number32
 --hashlimit-rate-match
 --hashlimit-rate-interval number32
match hbh family=ipv6 p=all,0
 --hbh-len ! byte
 --hbh-opts headerOptions
match helper usual=--helper
 --helper ! ftp|sip|ftp-2121~|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|!ftp
match hl family=ipv6
 --hl-eq,--hl ! byte
 --hl-lt ! byte
 --hl-gt ! byte
match icmp family=ipv4 p=icmp usual=--icmp-type
 --icmp-type ! icmpType
match icmp6 family=ipv6 p=ipv6-icmp,icmpv6 usual=--icmpv6-type
 --icmpv6-type ! icmp6Type
match ipcomp p=ipcomp,108 usual=--ipcompspi
 --ipcompspi ! range32
 --compres
match iprange
 --src-range ! addressRange
 --dst-range ! addressRange
match ipv6header family=ipv6 usual=--header
 --header ! ipv6Headers
 --soft
match ipvs
 --ipvs !
 --vproto ! protocol
 --vaddr ! address
 --vport ! port
 --vdir original|reply|ORIGINAL
 --vmethod ! GATE|IPIP|MASQ~masq|x
 --vportctl ! port
match length usual=--length
 --length ! range16
match limit
 --limit rate
 --limit-burst number32
match mac chains=PREROUTING,INPUT,FORWARD usual=--mac-source
 --mac-source ! mac
match mark usual=--mark
 --mark ! mark
match mh family=ipv6 p=mobility-header,mh,ipv6-mh,135 usual=--mh-type
 --mh-type ! mhTypes
match multiport p=tcp,udp,udplite,sctp,dccp starts=--dports_1:5,--sports_22,--ports_http usual=--dports
 --sports,--source-ports ! portList
 --dports,--destination-ports ! portList
 --ports ! portList
match nfacct
 --nfacct-name name
match osf family=ipv4 p=tcp usual=--genre
 --genre ! Linux|Windows~linux|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|
 --ttl 0|1|2~3|x|
 --log 0|1|2~3|x|
match owner chains=OUTPUT,POSTROUTING
 --uid-owner ! uid
 --gid-owner ! uid
 --socket-exists !
 --suppl-groups
match physdev chains=FORWARD,INPUT,PREROUTING
 --physdev-in ! interface
 --physdev-out ! interface
 --physdev-is-in !
 --physdev-is-out !
 --physdev-is-bridged !
match pkttype usual=--pkt-type
 --pkt-type ! unicast|broadcast|multicast|bcast|mcast|host|UNICAST~otherhost|outgoing|x|
match policy starts=--dir_in_--pol_none,--dir_in_--pol_ipsec_--strict_--reqid_1_--spi_0x1_--proto_esp_--mode_transport,--dir_in_--pol_ipsec_--strict_--mode_tunnel_--tunnel-dst_10.0.0.0/8_--tunnel-src_10.0.0.0/8_--next_--reqid_2 usual=--dir,--pol chains=INPUT,FORWARD
 --dir in|out~IN|x
 --pol ipsec|none~x
 --strict
 --reqid ! number32
 --spi ! number32
 --proto ! ah|esp|ipcomp|50~tcp|all|x
 --mode ! tunnel|transport~x
 --tunnel-src ! address
 --tunnel-dst ! address
 --next
match quota usual=--quota
 --quota ! number64
match rateest before=-j_RATEEST_--rateest-name_n1_--rateest-interval_250ms_--rateest-ewmalog_500ms starts=--rateest_n1_--rateest-lt_--rateest-bps_1mbit,--rateest-delta_--rateest_n1_--rateest-gt_--rateest-pps_5,--rateest1_n1_--rateest-gt_--rateest2_n1_--rateest-pps,--rateest1_n1_--rateest-bps_1kbit_--rateest-eq_--rateest2_n1
 --rateest1 name
 --rateest2 name
 --rateest name
 --rateest-delta
 --rateest-bps bitRate
 --rateest-bps1 bitRate
 --rateest-bps2 bitRate
 --rateest-pps number32
 --rateest-pps1 number32
 --rateest-pps2 number32
 --rateest-lt !
 --rateest-gt !
 --rateest-eq !
match realm family=ipv4 chains=INPUT,FORWARD,OUTPUT,POSTROUTING usual=--realm
 --realm ! realm
match recent starts=--set,--rcheck,--update_--seconds_60,--remove,--rcheck_--seconds_5_--hitcount_4,--update_--rttl
 --set !
 --rcheck !
 --update !
 --remove !
 --seconds number32
 --reap
 --hitcount hits
 --rttl
 --name recentName
 --rsource
 --rdest
 --mask mask
match rpfilter tables=raw,mangle chains=PREROUTING
 --loose
 --validmark
 --accept-local
 --invert
match rt family=ipv6 p=all,ipv6-route
 --rt-type ! number32
 --rt-segsleft ! range32
 --rt-len ! number32
 --rt-0-res
 --rt-0-addrs addresses
 --rt-0-not-strict
match sctp p=sctp
 --sport,--source-port ! portRange
 --dport,--destination-port ! portRange
 --chunk-types ! all|any|only~ALL|x chunkTypes
match set usual=--match-set
 --match-set,--set ! name setFlags
 --return-nomatch
 --update-counters !
 --update-subcounters !
 --packets-eq ! number64
 --packets-lt number64
 --packets-gt number64
 --bytes-eq ! number64
 --bytes-lt number64
 --bytes-gt number64
match socket tables=mangle chains=PREROUTING,INPUT
 --transparent
 --nowildcard
 --restore-skmark
match srh family=ipv6 p=all,ipv6-route
 --srh-next-hdr ! protocol
 --srh-hdr-len-eq ! byte
 --srh-hdr-len-gt ! byte
 --srh-hdr-len-lt ! byte
 --srh-segs-left-eq ! byte
 --srh-segs-left-gt ! byte
 --srh-segs-left-lt ! byte
 --srh-last-entry-eq ! byte
 --srh-last-entry-gt ! byte
 --srh-last-entry-lt ! byte
 --srh-tag ! number16
 --srh-psid ! address
 --srh-nsid ! address
 --srh-lsid ! address
match state usual=--state
 --state ! ctStates
match statistic starts=--mode_nth_--every_3_--packet_1,--mode_random_--probability_0.25,--mode_random_!_--probability_0.7,--mode_nth_!_--every_7_--packet_0 usual=--mode
 --mode random|nth~rand|n|x
 --probability ! probability
 --every ! number32
 --packet number32
match string usual=--algo,--string
 --from number16
 --to number16
 --algo bm|kmp~fsm|BM|x|aaaaaaaaaaaaaaaaaaaa
 --icase
 --string ! pattern
 --hex-string ! hexPattern
match tcp p=tcp
 --sport,--source-port ! portRange
 --dport,--destination-port ! portRange
 --tcp-flags ! tcpFlags tcpFlags
 --syn !
 --tcp-option ! byte
match tcpmss p=tcp usual=--mss
 --mss ! range16
match time
 --datestart date
 --datestop date
 --timestart dayTime
 --timestop dayTime
 --monthdays ! monthDays
 --weekdays ! weekDays
 --kerneltz
 --utc
 --localtz
 --contiguous
match tos usual=--tos
 --tos ! tos
match ttl family=ipv4
 --ttl-eq,--ttl ! byte
 --ttl-lt byte
 --ttl-gt byte
match u32 usual=--u32
 --u32 ! u32
match udp p=udp
 --sport,--source-port ! portRange
 --dport,--destination-port ! portRange
target ACCEPT
target DROP
target RETURN
target QUEUE
target AUDIT usual=--type
 --type accept|drop|reject~ACCEPT|x|acc
target CHECKSUM tables=mangle chains=POSTROUTING,OUTPUT usual=--checksum-fill
 --checksum-fill
target CLASSIFY tables=mangle chains=POSTROUTING,FORWARD,OUTPUT usual=--set-class
 --set-class class
target CLUSTERIP family=ipv4 chains=INPUT
 --new
 --hashmode sourceip|sourceip-sourceport|sourceip-sourceport-destport~x
 --clustermac mac
 --total-nodes small
 --local-node small
 --hash-init number32
target CONNMARK starts=--set-mark_1,--save-mark,--restore-mark_--mask_0xff,--set-xmark_0x1/0xff
 --set-xmark mark
 --set-mark mark
 --and-mark number32
 --or-mark number32
 --xor-mark number32
 --save-mark
 --restore-mark
 --mask number32
 --nfmask number32
 --ctmask number32
 --left-shift-mark small
 --right-shift-mark small
target CONNSECMARK tables=mangle,security
 --save
 --restore
target CT tables=raw
 --notrack
 --helper ftp|sip~x|RAS
 --timeout name
 --ctevents ctEvents
 --expevents new~x|NEW|new,new
 --zone zone
 --zone-orig zone
 --zone-reply zone
target DNAT starts=--to-destination_10.0.0.1,--to-destination_:80 tables=nat chains=PREROUTING,OUTPUT p=tcp,udp,all,sctp usual=--to-destination
 --to-destination natRange
 --random
 --persistent
target DNPT starts=--src-pfx_dead::/64_--dst-pfx_1c3::/64,--src-pfx_fd00:1:2::/48_--dst-pfx_2001:db8:7::/48 family=ipv6 tables=mangle chains=PREROUTING usual=--src-pfx,--dst-pfx
 --src-pfx prefix
 --dst-pfx prefix
target SNPT starts=--src-pfx_dead::/64_--dst-pfx_1c3::/64,--src-pfx_fd00:1:2::/48_--dst-pfx_2001:db8:7::/48 family=ipv6 tables=mangle chains=POSTROUTING,INPUT usual=--src-pfx,--dst-pfx
 --src-pfx prefix
 --dst-pfx prefix
target DSCP tables=mangle
 --set-dscp dscp
 --set-dscp-class dscpClass
target ECN family=ipv4 tables=mangle p=tcp
 --ecn-tcp-remove
 --ecn-ip-ect 0|1|2|3~4
 --ecn-tcp-cwr 0|1
 --ecn-tcp-ece 0|1
target HL family=ipv6 tables=mangle
 --hl-set byte
 --hl-dec byte
 --hl-inc byte
target TTL family=ipv4 tables=mangle
 --ttl-set byte
 --ttl-dec byte
 --ttl-inc byte
target HMARK usual=--hmark-tuple,--hmark-mod,--hmark-rnd tables=mangle chains=PREROUTING
 --hmark-tuple hmarkTuple
 --hmark-mod number32
 --hmark-offset number32
 --hmark-src-prefix length
 --hmark-dst-prefix length
 --hmark-sport-mask number16
 --hmark-dport-mask number16
 --hmark-spi-mask number32
 --hmark-sport number16
 --hmark-dport number16
 --hmark-spi number32
 --hmark-proto-mask byte
 --hmark-rnd number32
target IDLETIMER usual=--timeout,--label
 --timeout number32
 --label name
 --alarm
target LED
 --led-trigger-id name
 --led-delay number32~inf
 --led-always-blink
target LOG
 --log-level logLevel
 --log-prefix prefixText
 --log-tcp-sequence
 --log-tcp-options
 --log-ip-options
 --log-uid
 --log-macdecode
target MARK starts=--set-mark_1,--set-xmark_0x1/0xff
 --set-xmark mark
 --set-mark mark
 --and-mark number32
 --or-mark number32
 --xor-mark number32
target MASQUERADE tables=nat chains=POSTROUTING p=tcp,udp,all
 --to-ports portDashRange
 --random
 --random-fully
target NETMAP tables=nat chains=PREROUTING,POSTROUTING,OUTPUT,INPUT usual=--to
 --to address
target NFLOG
 --nflog-group number16
 --nflog-prefix prefixText
 --nflog-range number32
 --nflog-size number32
 --nflog-threshold number16
target NFQUEUE
 --queue-num number16
 --queue-balance queueRange
 --queue-bypass
 --queue-cpu-fanout
target NOTRACK tables=raw
target RATEEST usual=--rateest-name,--rateest-interval,--rateest-ewmalog
 --rateest-name name
 --rateest-interval timeUnit
 --rateest-ewmalog timeUnit
target REDIRECT tables=nat chains=PREROUTING,OUTPUT p=tcp,udp,all
 --to-ports portDashRange
 --random
target REJECT chains=INPUT,FORWARD,OUTPUT tables=filter p=tcp,all,udp
 --reject-with rejectType
target SECMARK tables=mangle,security usual=--selctx
 --selctx name
target SET
 --add-set name setFlags
 --del-set name setFlags
 --map-set name setFlags
 --exist
 --timeout number32
 --map-mark
 --map-prio
 --map-queue
target SNAT starts=--to-source_10.0.0.1,--to-source_10.0.0.1-10.0.0.9:1-1024 tables=nat chains=POSTROUTING,INPUT p=tcp,udp,all usual=--to-source
 --to-source natRange
 --random
 --random-fully
 --persistent
target SYNPROXY p=tcp chains=INPUT,FORWARD
 --sack-perm
 --timestamp
 --wscale byte
 --mss number16
 --ecn
target TCPMSS tables=mangle chains=FORWARD,OUTPUT,POSTROUTING p=tcp needs=--tcp-flags_SYN,RST_SYN starts=--clamp-mss-to-pmtu,--set-mss_1400
 --set-mss number16
 --clamp-mss-to-pmtu
target TCPOPTSTRIP tables=mangle p=tcp
 --strip-options stripOptions
target TEE usual=--gateway
 --gateway host
 --oif interface
target TOS tables=mangle
 --set-tos tos
 --and-tos byte
 --or-tos byte
 --xor-tos byte
target TPROXY tables=mangle chains=PREROUTING p=tcp,udp usual=--on-port
 --on-port port
 --on-ip host
 --tproxy-mark mark
target TRACE tables=raw
target ULOG family=ipv4
 --ulog-nlgroup small
 --ulog-cprange number32
 --ulog-prefix prefixText
 --ulog-qthreshold small
`;

export const VOCABULARY: readonly VocabularyExtension[] = readVocabulary(TEXT);

function readVocabulary(text: string): VocabularyExtension[] {
  const found: (VocabularyExtension & { options: VocabularyOption[] })[] = [];
  for (const line of text.trim().split('\n')) {
    const words = line.trim().split(' ');
    if (line.startsWith(' ')) {
      const [spellings, ...rest] = words;
      const negatable = rest[0] === '!';
      found
        .at(-1)!
        .options.push({ spellings: spellings!.split(','), negatable, values: negatable ? rest.slice(1) : rest });
      continue;
    }
    const [kind, name, ...settings] = words;
    const given = new Map(settings.map((setting) => setting.split(/=(.*)/s) as [string, string]));
    const list = (key: string) => given.get(key)?.split(',') ?? [];
    const split = (text: string) => text.split('_');
    const family = given.get('family') as Family | undefined;
    found.push({
      kind: kind as 'match' | 'target',
      name: name!,
      ...(family && { family }),
      protocols: list('p'),
      tables: list('tables'),
      chains: list('chains'),
      usual: list('usual'),
      starts: list('starts').map(split),
      needs: given.has('needs') ? split(given.get('needs')!) : [],
      before: given.get('before')?.replaceAll('_', ' '),
      options: [],
    });
  }
  return found;
}
