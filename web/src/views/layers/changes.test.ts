import { describe, expect, it } from 'vitest';
import { changeLines } from './changes';

describe('changeLines', () => {
  it('joins equal changes at one step, and lists the newest first', () => {
    const frozen = (layer: string) => ({ layer, change: 'frozen' as const, detail: '', step: 5 });
    const replaced = { layer: 'fc', change: 'replaced' as const, detail: 'Linear 1×8 → Linear 3×8', step: 40 };
    expect(changeLines([frozen('a'), frozen('b'), replaced])).toEqual([
      { step: 40, change: 'replaced', layers: ['fc'], detail: 'Linear 1×8 → Linear 3×8' },
      { step: 5, change: 'frozen', layers: ['a', 'b'], detail: '' },
    ]);
  });
});
