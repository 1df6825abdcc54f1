/** The named views of layers, and the statistic behind each. */
import type { LayerTensor, Quantity, Stat } from '../../api/schema.gen';

export interface LayerKind {
  name: string;
  quantity: Quantity;
  stat: Stat;
  axis: 'log' | 'linear' | 'share' | 'signed';
  /** A value near which a healthy network is. */
  guide?: number;
}

export const KINDS: readonly LayerKind[] = [
  { name: 'flow', quantity: 'gradient', stat: 'norm', axis: 'log' },
  { name: 'scale', quantity: 'value', stat: 'std', axis: 'log' },
  { name: 'ratio', quantity: 'update', stat: 'ratio', axis: 'log', guide: 1e-3 },
  { name: 'activation', quantity: 'activation', stat: 'std', axis: 'log' },
  { name: 'dead', quantity: 'activation', stat: 'dead', axis: 'share' },
  { name: 'zeros', quantity: 'activation', stat: 'zeros', axis: 'share' },
  { name: 'saturated', quantity: 'activation', stat: 'saturated', axis: 'share' },
];

const AXES: Partial<Record<Stat, LayerKind['axis']>> = {
  norm: 'log',
  std: 'log',
  ratio: 'log',
  zeros: 'share',
  saturated: 'share',
  dead: 'share',
  nonfinite: 'linear',
};

/** Any statistic of any quantity, as "gradient/mean". */
export function customKind(name: string): LayerKind | null {
  const [quantity, stat] = name.split('/') as [Quantity, Stat | undefined];
  return stat ? { name, quantity, stat, axis: AXES[stat] ?? 'signed' } : null;
}

const QUANTITIES: readonly Quantity[] = ['gradient', 'value', 'update', 'activation'];
const STATS: readonly Stat[] = ['norm', 'mean', 'std', 'ratio', 'zeros', 'saturated', 'dead', 'min', 'max', 'nonfinite'];

/** Statistics that were watched, by quantity. */
export function statsOf(tensors: readonly LayerTensor[]): { quantity: Quantity; stats: Stat[] }[] {
  return QUANTITIES.flatMap((quantity) => {
    const found = new Set(tensors.flatMap((one) => (one.quantity === quantity ? one.stats : [])));
    return found.size ? [{ quantity, stats: STATS.filter((stat) => found.has(stat)) }] : [];
  });
}

/** Kinds for which there are measurements. */
export function kindsOf(tensors: readonly LayerTensor[]): LayerKind[] {
  return KINDS.filter((kind) => tensors.some((t) => t.quantity === kind.quantity && t.stats.includes(kind.stat)));
}

export const nameOf = (tensor: Pick<LayerTensor, 'layer' | 'tensor' | 'quantity'>) => `${tensor.layer}/${tensor.tensor}/${tensor.quantity}`;

/** Indices of weights and outputs, or of all tensors if there are none or all are requested. */
export function rowsToShow(rows: readonly LayerTensor[], all: boolean): number[] {
  const every = rows.map((_, i) => i);
  const main = every.filter((i) => /weight|kernel|output|^W/.test(rows[i]!.tensor));
  return all || !main.length ? every : main;
}
