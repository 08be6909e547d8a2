// Pins a map under a run directory and prints the path and what is pinned there: pin.ts RUN NAME

import { join } from 'node:path';
import { createMap, pin } from '../../../src/kernel/bpf.ts';
import { openPinDirectory } from '../../../src/kernel/bpffs.ts';
import { listPins } from './pins.ts';

const [run, name] = process.argv.slice(2) as [string, string];
const directory = openPinDirectory(run);
pin(createMap({ name: 'test', type: 'array', valueSize: 4, maxEntries: 1, mmapable: false }), join(directory, name));
console.log(JSON.stringify({ directory, pins: listPins(directory) }));
