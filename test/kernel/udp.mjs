// UDP traffic for the tests, run in a namespace.
//
//   node udp.mjs receive PORT…          counts what arrives until standard input ends; prints { port: packets }
//   node udp.mjs send ADDRESS PORT…     sends to the ports in turn, some at least, until standard input ends; prints { port: packets }
//
// Packets that the sender's own OUTPUT chain drops (EPERM) are sent as well: they have met the rules.

import { createSocket } from 'node:dgram';

const [mode, ...words] = process.argv.slice(2);
const counts = {};
let ending = false;
process.stdin.resume();
process.stdin.on('end', () => {
  ending = true;
  if (mode !== 'send') setTimeout(finish, 300);
});

function finish() {
  console.log(JSON.stringify(counts));
  process.exit(0);
}

if (mode !== 'send') {
  for (const port of words) {
    counts[port] = 0;
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.on('message', () => counts[port]++);
    socket.bind(Number(port));
  }
} else {
  const [address, ...ports] = words;
  for (const port of ports) counts[port] = 0;
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const payload = Buffer.alloc(64);
  let turn = 0;
  const burst = () => {
    if (ending && turn > 0) return finish();
    let open = 10;
    for (let i = 0; i < 10; i++) {
      const port = ports[turn++ % ports.length];
      socket.send(payload, Number(port), address, (error) => {
        if (error !== null && error.code !== 'EPERM') throw error;
        counts[port]++;
        if (--open === 0) setTimeout(burst, 5);
      });
    }
  };
  socket.bind(0, burst);
}
