// All matches and targets. A further one is one file and one entry here.

import type { Family } from '../base/family.ts';
import { comment } from './comment.ts';
import { hashlimit } from './effects/hashlimit.ts';
import { limit } from './effects/limit.ts';
import { quota } from './effects/quota.ts';
import { rateest } from './effects/rateest.ts';
import { recent } from './effects/recent.ts';
import { statistic } from './effects/statistic.ts';
import { string } from './effects/string.ts';
import { time } from './effects/time.ts';
import { u32 } from './effects/u32.ts';
import type { MatchExtension, TargetExtension } from './extension.ts';
import { addrtype } from './headers/addrtype.ts';
import { dccp } from './headers/dccp.ts';
import { dscp, tos } from './headers/dscp.ts';
import { ecn } from './headers/ecn.ts';
import { iprange } from './headers/iprange.ts';
import { ah4, ah6, esp, ipcomp } from './headers/ipsec.ts';
import { length, tcpmss } from './headers/length.ts';
import { mac } from './headers/mac.ts';
import { multiport } from './headers/multiport.ts';
import { pkttype } from './headers/pkttype.ts';
import { realm } from './headers/realm.ts';
import { sctp } from './headers/sctp.ts';
import { hl, ttl } from './headers/ttl.ts';
import { bpf } from './host/bpf.ts';
import { cgroup } from './host/cgroup.ts';
import { cpu } from './host/cpu.ts';
import { devgroup } from './host/devgroup.ts';
import { ipvs } from './host/ipvs.ts';
import { nfacct } from './host/nfacct.ts';
import { osf } from './host/osf.ts';
import { owner } from './host/owner.ts';
import { physdev } from './host/physdev.ts';
import { policy } from './host/policy.ts';
import { rpfilter } from './host/rpfilter.ts';
import { set } from './host/set.ts';
import { socket } from './host/socket.ts';
import { icmp } from './icmp.ts';
import { eui64 } from './ipv6/eui64.ts';
import { frag } from './ipv6/frag.ts';
import { icmp6 } from './ipv6/icmp6.ts';
import { ipv6header } from './ipv6/ipv6header.ts';
import { mh } from './ipv6/mh.ts';
import { dst, hbh } from './ipv6/options-header.ts';
import { rt } from './ipv6/rt.ts';
import { srh } from './ipv6/srh.ts';
import { clusterip } from './nat/clusterip.ts';
import { dnpt, netmap, snpt } from './nat/prefixes.ts';
import { tproxy } from './nat/tproxy.ts';
import { dnat, masquerade, redirect, snat } from './nat/translation.ts';
import { cluster } from './state/cluster.ts';
import { connbytes } from './state/connbytes.ts';
import { connlabel } from './state/connlabel.ts';
import { connlimit } from './state/connlimit.ts';
import { conntrack } from './state/conntrack.ts';
import { helper } from './state/helper.ts';
import { connmark, mark } from './state/marks.ts';
import { state } from './state/state.ts';
import { audit } from './targets/audit.ts';
import { checksum } from './targets/checksum.ts';
import { classify } from './targets/classify.ts';
import { connmarkTarget } from './targets/connmark.ts';
import { ct, notrack } from './targets/ct.ts';
import { dscpTarget } from './targets/dscp.ts';
import { ecnTarget } from './targets/ecn.ts';
import { hmark } from './targets/hmark.ts';
import { idletimer } from './targets/idletimer.ts';
import { led } from './targets/led.ts';
import { log } from './targets/log.ts';
import { markTarget } from './targets/mark.ts';
import { nflog } from './targets/nflog.ts';
import { nfqueue } from './targets/nfqueue.ts';
import { rateestTarget } from './targets/rateest.ts';
import { reject4, reject6 } from './targets/reject.ts';
import { connsecmark, secmark } from './targets/secmark.ts';
import { setTarget } from './targets/set.ts';
import { synproxy } from './targets/synproxy.ts';
import { tcpmss4, tcpmss6 } from './targets/tcpmss.ts';
import { tcpoptstrip } from './targets/tcpoptstrip.ts';
import { tee } from './targets/tee.ts';
import { tosTarget } from './targets/tos.ts';
import { trace } from './targets/trace.ts';
import { hlTarget, ttlTarget } from './targets/ttl.ts';
import { ulog } from './targets/ulog.ts';
import { tcp } from './tcp.ts';
import { udp } from './udp.ts';
import { accept, drop, queue, returnTarget } from './verdicts.ts';

/** By name; where both families have an extension of one name with different options, each has its own entry. */
export const MATCHES: readonly MatchExtension[] = [
  comment,
  hashlimit,
  limit,
  quota,
  rateest,
  recent,
  statistic,
  string,
  time,
  u32,
  icmp,
  tcp,
  udp,
  conntrack,
  state,
  connmark,
  mark,
  connbytes,
  connlabel,
  connlimit,
  helper,
  cluster,
  owner,
  cgroup,
  devgroup,
  physdev,
  policy,
  rpfilter,
  socket,
  set,
  osf,
  ipvs,
  cpu,
  nfacct,
  bpf,
  multiport,
  iprange,
  length,
  tcpmss,
  ttl,
  hl,
  dscp,
  tos,
  ecn,
  esp,
  ipcomp,
  ah4,
  ah6,
  sctp,
  dccp,
  mac,
  addrtype,
  pkttype,
  realm,
  dst,
  hbh,
  frag,
  rt,
  mh,
  ipv6header,
  eui64,
  srh,
  icmp6,
] as readonly MatchExtension[];

export const TARGETS: readonly TargetExtension[] = [
  clusterip,
  dnat,
  dnpt,
  masquerade,
  netmap,
  redirect,
  snat,
  snpt,
  tproxy,
  accept,
  drop,
  queue,
  returnTarget,
  reject4,
  reject6,
  log,
  nflog,
  nfqueue,
  ulog,
  markTarget,
  connmarkTarget,
  connsecmark,
  secmark,
  ct,
  notrack,
  checksum,
  classify,
  tosTarget,
  dscpTarget,
  ecnTarget,
  ttlTarget,
  hlTarget,
  tcpmss4,
  tcpmss6,
  tcpoptstrip,
  tee,
  synproxy,
  audit,
  hmark,
  idletimer,
  led,
  rateestTarget,
  setTarget,
  trace,
] as readonly TargetExtension[];

function byName<E extends MatchExtension | TargetExtension>(all: readonly E[], family: Family): ReadonlyMap<string, E> {
  const own = all.filter(({ families }) => families === undefined || families.includes(family));
  return new Map(own.flatMap((each) => [each.name, ...(each.aliases ?? [])].map((name) => [name, each] as const)));
}

const matches = { ipv4: byName(MATCHES, 'ipv4'), ipv6: byName(MATCHES, 'ipv6') };
const targets = { ipv4: byName(TARGETS, 'ipv4'), ipv6: byName(TARGETS, 'ipv6') };

export function findMatch(name: string, family: Family = 'ipv4'): MatchExtension | undefined {
  return matches[family].get(name);
}

/** The name that a match goes by, whichever family has it. */
export function matchName(name: string): string {
  return (findMatch(name, 'ipv4') ?? findMatch(name, 'ipv6'))?.name ?? name;
}

export function findTarget(name: string, family: Family = 'ipv4'): TargetExtension | undefined {
  return targets[family].get(name);
}
