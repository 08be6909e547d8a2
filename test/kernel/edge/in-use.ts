// Prints whether anything uses a network namespace, as far as this process can tell: in-use.ts COOKIE INODE

import { isInUse } from '../../../src/kernel/namespace.ts';

const [, , cookie, inode] = process.argv;
console.log(isInUse(cookie!, inode!));
