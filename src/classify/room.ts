// Arrays of words that grow while a table is built.

/** The same words in an array with room for `length`, at least twice as long as before where it had none. */
export function withRoom(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  if (length <= words.length) return words;
  const grown = new Uint32Array(Math.max(length, 2 * words.length));
  grown.set(words);
  return grown;
}
