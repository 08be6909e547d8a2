// A process that writes to a store until it is killed or done: `writer.ts PATH ROUNDS`. Prints each finished round.

import { writeSync } from 'node:fs';
import { Store } from '../../../src/store/store.ts';

const [path, rounds] = process.argv.slice(2);
const store = Store.open(path!, { busySeconds: 20 });
for (let round = 0; round < Number(rounds); round++) {
  const id = store.transaction(() => {
    const next = store.nextGenerationId(0, []);
    store.insertGeneration({
      id: next,
      family: 'ipv4',
      sourceFile: '<writer>',
      lines: [`${next} ${'x'.repeat(20_000)}`],
      request: {},
      manifest: {},
      counterMap: next,
      slots: Int32Array.of(),
    });
    store.insertCounterMap({ id: next, family: 'ipv4', layout: {}, base: new BigInt64Array(1000).fill(BigInt(next)) });
    return next;
  });
  writeSync(1, `${id}\n`);
}
store.close();
