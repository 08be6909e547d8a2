// Somebody else's XDP program on a device, until standard input ends: foreign-xdp.ts DEVICE

import { passProgram } from '../../src/codegen/dispatcher.ts';
import { attachXdp, closeDescriptor, loadProgram } from '../../src/kernel/bpf.ts';
import { listLinks } from '../../src/kernel/rtnetlink.ts';

const device = listLinks().find(({ name }) => name === process.argv[2])!;
const link = attachXdp(loadProgram(passProgram('xdp'), new Map()), device, 'generic');
process.stdin.resume();
process.stdin.on('end', () => {
  closeDescriptor(link);
  process.exit(0);
});
