// One end of a TCP connection, in a process of its own.
//
//   server PORT                       takes what comes; answers every byte of a connection that begins with R
//   client ADDRESS PORT BYTES ROUNDS  prints bytes per second of a bulk transfer, and round trips per second, as JSON

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const CHUNK = Buffer.alloc(256 * 1024, 'B');
const [role, ...words] = process.argv.slice(2);
if (role === 'server') serve(Number(words[0]));
else await measure(words[0]!, Number(words[1]), Number(words[2]), Number(words[3]));

function serve(port: number): void {
  createServer({ noDelay: true }, (socket) => {
    let answers: boolean | undefined;
    socket.on('data', (data) => {
      answers ??= data[0] === 0x52;
      if (answers) socket.write(data);
    });
    // The end is answered once everything is read: the client's clock stops there.
    socket.on('end', () => socket.end());
    socket.on('error', () => socket.destroy());
  }).listen(port, '0.0.0.0');
  // The bench is gone.
  process.stdin.on('end', () => process.exit()).resume();
}

async function measure(address: string, port: number, bytes: number, rounds: number): Promise<void> {
  const bulk = await open(address, port);
  const bulkBegin = performance.now();
  for (let sent = 0; sent < bytes; sent += CHUNK.length) if (!bulk.write(CHUNK)) await once(bulk, 'drain');
  bulk.end();
  await once(bulk.resume(), 'close');
  const bulkRate = (1000 * bytes) / (performance.now() - bulkBegin);

  const asking = await open(address, port);
  const begin = performance.now();
  for (let round = 0; round < rounds; round++) {
    asking.write('R');
    await once(asking, 'data');
  }
  const roundRate = (1000 * rounds) / (performance.now() - begin);
  asking.destroy();
  console.log(JSON.stringify({ bulkRate, roundRate }));
}

/** Tries for some seconds: the server may not be there yet. */
async function open(address: string, port: number): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect({ host: address, port, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
