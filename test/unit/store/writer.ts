// A process that writes to a store until it is killed or done: `writer.ts PATH ROUNDS`. Prints each finished round.

import { writeSync } from 'node:fs';
import { Store } from '../../../src/store/store.ts';

const [path, rounds] = process.argv.slice(2);
const store = Store.open(path!, { busySeconds: 20 });
for (let round = 0; round < Number(rounds); round++) {
  const id = store.transaction(() => {
    const next = store.nextGenerationId(0);
    store.insertGeneration({
      id: next,
      sourceFile: '<writer>',
      sourceText: `# ${'x'.repeat(20_000)}`,
      text: String(next),
      request: {},
      manifest: {},
      counterBase: Array.from({ length: 500 }, () => ({ packets: BigInt(next), bytes: BigInt(next) })),
    });
    return next;
  });
  writeSync(1, `${id}\n`);
}
store.close();
