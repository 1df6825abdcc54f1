/** Boxes in the colours of a comparison: what is the same fades, and what differs has the colour and sign of its kind. */
import { CLOSED, LEAF, type Scene } from '../../graph/scene';
import { mix, type Theme } from '../../ui/colours';
import { differencesOf, SIGNS } from './differences';
import type { Inks } from './inks';
import type { Figures, Paper } from './looks';
import { DIFFERENCES, type Difference, type ModelComparison } from './modelComparison';

const HUES: Record<Difference, Record<Theme, string>> = {
  same: { light: '#a3a5aa', dark: '#63666c' },
  moved: { light: '#2368dd', dark: '#6ea0ff' },
  changed: { light: '#b06f00', dark: '#e5b454' },
  added: { light: '#14784a', dark: '#4cc38a' },
  removed: { light: '#c0302f', dark: '#ff7b72' },
};

export function differenceInk(difference: Difference, theme: Theme): string {
  return HUES[difference][theme];
}

/** The same drawing with other colours, and a sign on what differs. */
export function comparedPaper(paper: Paper, figures: Figures, comparison: ModelComparison, scene: Scene, inks: Inks, theme: Theme): Paper {
  const { tree } = figures.base;
  const first = paper.colours.length;
  const isDark = theme === 'dark';
  const colours = DIFFERENCES.map((one) => {
    const [hue, isSame] = [HUES[one][theme], one === 'same'];
    return { fill: mix(inks.ink.surface, hue, isSame ? 0.06 : isDark ? 0.24 : 0.16), line: mix(inks.ink.surface, hue, isSame ? 0.5 : 0.85), text: isSame ? inks.ink.text2 : inks.ink.text };
  });
  const known = new Map<number, Map<Difference, number>>();
  const countsOf = (id: number) => {
    let counts = known.get(id);
    if (!counts) known.set(id, (counts = differencesOf(comparison, tree, id)));
    return counts;
  };
  /** Of a box whose content is all alike; null for a mixture. */
  const onlyOf = (id: number): Difference | null => {
    if (id >= tree.nItems) return null;
    const counts = countsOf(id);
    return counts.size === 1 ? [...counts.keys()][0]! : null;
  };
  const isColoured = (box: number) => scene.kind[box] === CLOSED || scene.kind[box] === LEAF;
  return {
    ...paper,
    families: [],
    range: null,
    colours: [...paper.colours, ...colours],
    colourOf: (box) => {
      const only = isColoured(box) ? onlyOf(scene.id[box]!) : null;
      return only ? first + DIFFERENCES.indexOf(only) : paper.colourOf(box);
    },
    mixOf: (box) => {
      if (scene.kind[box] !== CLOSED) return [];
      const counts = countsOf(scene.id[box]!);
      const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
      return DIFFERENCES.flatMap((one, i) => (counts.get(one) ? [[first + i, counts.get(one)! / all] as const] : []));
    },
    signOf: (id) => SIGNS[onlyOf(id) ?? 'same'],
  };
}
