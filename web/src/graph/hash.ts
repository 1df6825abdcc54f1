/** Hashes of numbers, 52 bits: far fewer than one accident in all graphs there will ever be on one screen. */

const words = new DataView(new ArrayBuffer(8));

/** Of two numbers, whose order counts. */
export function mixed(a: number, b: number): number {
  words.setFloat64(0, a);
  let x = words.getUint32(0) ^ Math.imul(words.getUint32(4), 0x85ebca6b);
  words.setFloat64(0, b);
  let y = words.getUint32(0) + Math.imul(words.getUint32(4), 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 16) ^ y, 0x7feb352d);
  y = Math.imul(y ^ (y >>> 15) ^ (x >>> 3), 0x846ca68b);
  x = Math.imul(x ^ (x >>> 13) ^ (y >>> 16), 0x9e3779b1);
  y ^= x >>> 15;
  return (x >>> 0) * 2 ** 20 + ((y >>> 0) & 0xfffff);
}
