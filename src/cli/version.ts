// The versions: ours, and the one that the compatible commands stand for. Apart from all else, as they are asked for before
// anything is loaded.

/** Ours, that of package.json. */
export const VERSION = '0.1.0';

/** The release of iptables whose options, output and exit codes these commands follow. */
export const IPTABLES_VERSION = '1.8.9';

/** `iptables v1.8.9 (bpf)` */
export function versionLine(program: string): string {
  return `${program} v${IPTABLES_VERSION} (bpf)`;
}
