// The version that the compatible commands stand for, apart from all else: it is asked for before anything is loaded.

/** The release of iptables whose options, output and exit codes these commands follow. */
export const IPTABLES_VERSION = '1.8.9';

/** `iptables v1.8.9 (bpf)` */
export function versionLine(program: string): string {
  return `${program} v${IPTABLES_VERSION} (bpf)`;
}
