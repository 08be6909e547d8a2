// Says whether a datagram comes through the INPUT of the network namespace that the probe was made in.

import { parseAddress } from '../../src/base/ipv4.ts';
import { sleep } from '../../src/kernel/wait.ts';
import { PacketReceiver, PacketSender } from '../harness/inject.ts';
import { buildPacket } from '../harness/packet-builder.ts';

/** What probes are sent from and to; both are addresses of the loopback device. */
export const PROBE = { source: '127.0.0.77', destination: '127.0.0.1', port: 7777 } as const;

const UDP = 17;
const MARK = 1;
/** The loopback device delivers before the sender's call returns; this is for what else may happen. */
const PATIENCE_MILLISECONDS = 20;

export class DatagramProbe {
  private readonly sender = new PacketSender('lo', MARK);
  private readonly receiver = new PacketReceiver(UDP);
  private readonly packet = buildPacket({
    source: parseAddress(PROBE.source)!,
    destination: parseAddress(PROBE.destination)!,
    transport: { kind: 'udp', sport: PROBE.port, dport: PROBE.port },
    payload: new Uint8Array(8),
  });

  /** Sends one, and waits for it. */
  passes(): boolean {
    this.receiver.drain();
    if (!this.sender.send(this.packet)) throw new Error('OUTPUT drops the probe');
    for (let waited = 0; waited < PATIENCE_MILLISECONDS; waited++) {
      if (this.receiver.drain().length > 0) return true;
      sleep(1);
    }
    return false;
  }

  close(): void {
    this.sender.close();
    this.receiver.close();
  }
}
