// The points of a packet's way at which the filter table is asked.

/** A built-in chain of the filter table. */
export type FilterChain = 'INPUT' | 'FORWARD' | 'OUTPUT';

/** The built-in chains of the filter table in the order in which iptables-save prints them. */
export const FILTER_CHAINS: readonly FilterChain[] = ['INPUT', 'FORWARD', 'OUTPUT'];

/** Netfilter's number of each hook (`enum nf_inet_hooks`, include/uapi/linux/netfilter.h). */
export const HOOK_NUMBER: Readonly<Record<FilterChain, number>> = { INPUT: 1, FORWARD: 2, OUTPUT: 3 };

/**
 * Where rules are enforced: all at netfilter; there, and at XDP what is certain to be dropped; or INPUT and FORWARD at XDP
 * alone.
 */
export type EnforcingPlacement = 'netfilter' | 'exact' | 'xdp';

/** `none` keeps rules and enforces nothing. */
export type Placement = EnforcingPlacement | 'none';

/** How an XDP program is attached; `auto` lets the device decide. */
export type XdpMode = 'auto' | 'native' | 'generic';

/**
 * Which early verdicts placement `exact` gives: those that nothing later could tell from netfilter's, `strict`; those that
 * differ in what COMPATIBILITY.md lists, `fast`; or none, `off`.
 */
export type EarlyChoice = 'strict' | 'fast' | 'off';

/** The tables of iptables, in the order in which a packet may meet them. */
export const TABLE_NAMES = ['raw', 'mangle', 'nat', 'filter', 'security'] as const;
export type TableName = (typeof TABLE_NAMES)[number];

/** A built-in chain of any table: one per netfilter hook. */
export type BuiltinChain = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
