import { describe, expect, it } from 'vitest';
import { divergingFor } from './colormap';
import { tilePixels } from './matrixPixels';
import { packed } from './raster';

const ink = { bad: '#ff0000', dark: false } as never;

describe('pixels', () => {
  it('are centred at zero and end at the limit', () => {
    const map = divergingFor(false);
    const found = [...tilePixels([-9, -1, 0, 0.5, 1, NaN, Infinity], 1, { limit: 1, isSymlog: false, ink })];
    const red = packed([255, 0, 0]);
    expect(found).toEqual([map.at(0), map.at(0), map.at(0.5), map.at(0.75), map.at(1), red, red]);
  });
  it('show small values on a symmetric-logarithmic scale', () => {
    const [small] = tilePixels([0.01], 1, { limit: 1, isSymlog: true, ink });
    const [plain] = tilePixels([0.01], 1, { limit: 1, isSymlog: false, ink });
    expect(small).not.toBe(plain);
    expect(small).toBe(divergingFor(false).at(0.5 + 0.5 * (Math.log1p(10) / Math.log1p(1000))));
  });
  it('are red, green and blue of three channels', () => {
    expect([...tilePixels([1, -1, 0, NaN, 0, 0], 3, { limit: 1, isSymlog: false, ink })]).toEqual([packed([255, 0, 128]), packed([255, 0, 0])]);
  });
});
