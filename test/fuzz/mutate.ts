// Files from other files: bytes and words changed by chance.

import type { Choice } from '../harness/random.ts';
import { caseOf, type FuzzCase } from './case.ts';

/** Bytes that mean something somewhere, or nothing anywhere. */
const BYTES = Buffer.from(' \t\n\r!-"\\\':*#[],/=+.0x\0\x01\x7f\x80\xff\xc3\xa4%$', 'latin1');

/** A case like `seed`, with one to four changes. */
export function mutated(seed: FuzzCase, seeds: readonly FuzzCase[], choice: Choice): FuzzCase {
  let text = seed.text;
  for (
    let changes = choice.weighted([
      [6, 1],
      [3, 2],
      [1, 4],
    ]);
    changes > 0;
    changes--
  )
    text = change(text, seeds, choice);
  return caseOf(seed.family, text, seed.options);
}

function change(text: Buffer, seeds: readonly FuzzCase[], choice: Choice): Buffer {
  const at = choice.integer(0, text.length);
  const splice = (remove: number, ...add: Buffer[]) =>
    Buffer.concat([text.subarray(0, at), ...add, text.subarray(at + remove)]);
  const one = () => Buffer.from([choice.chance(0.6) ? choice.pick([...BYTES]) : choice.integer(0, 255)]);
  switch (choice.integer(0, 9)) {
    case 0:
      return splice(1, one());
    case 1:
      return splice(0, one());
    case 2:
      return splice(choice.integer(1, 3));
    case 3: {
      const flipped = Buffer.from(text);
      if (at < text.length) flipped[at]! ^= 1 << choice.integer(0, 7);
      return flipped;
    }
    case 4:
      return splice(0, text.subarray(at, at + choice.integer(1, 30)));
    case 5:
      return text.subarray(0, choice.chance(0.3) ? at : text.length);
    case 6:
      return splice(0, one(), one(), one());
    default:
      return byWords(text, seeds, choice);
  }
}

/** Words or lines dropped, doubled, exchanged, or taken from another case. */
function byWords(text: Buffer, seeds: readonly FuzzCase[], choice: Choice): Buffer {
  const separator = choice.chance(0.75) ? ' ' : '\n';
  const parts = text.toString('latin1').split(separator);
  const [i, j] = [choice.integer(0, parts.length - 1), choice.integer(0, parts.length - 1)];
  switch (choice.integer(0, 3)) {
    case 0:
      parts.splice(i, 1);
      break;
    case 1:
      parts.splice(j, 0, parts[i]!);
      break;
    case 2:
      [parts[i], parts[j]] = [parts[j]!, parts[i]!];
      break;
    default:
      parts.splice(i, choice.integer(0, 1), choice.pick(choice.pick(seeds).text.toString('latin1').split(separator)));
  }
  return Buffer.from(parts.join(separator), 'latin1');
}
