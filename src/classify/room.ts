// Arrays that grow while something is built.

type Numbers = Uint8Array | Int32Array | Uint32Array;

/** The same numbers in an array with room for `length`, at least twice as long as before where it had none. */
export function withRoom<A extends Numbers>(numbers: A, length: number): A {
  if (length <= numbers.length) return numbers;
  const grown = new (numbers.constructor as new (length: number) => A)(Math.max(length, 2 * numbers.length));
  grown.set(numbers);
  return grown;
}
