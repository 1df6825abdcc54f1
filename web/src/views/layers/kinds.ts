/** The questions one asks of layers, and which watched statistic answers each. */
import type { LayerTensor, Quantity, Stat } from '../../api/schema.gen';

export interface LayerKind {
  name: string;
  quantity: Quantity;
  stat: Stat;
  axis: 'log' | 'linear' | 'share' | 'signed';
  /** A value that a healthy network is near to. */
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

/** Kinds for which anything was watched. */
export function kindsOf(tensors: readonly LayerTensor[]): LayerKind[] {
  return KINDS.filter((kind) => tensors.some((t) => t.quantity === kind.quantity && t.stats.includes(kind.stat)));
}

export const nameOf = (tensor: Pick<LayerTensor, 'layer' | 'tensor' | 'quantity'>) => `${tensor.layer}/${tensor.tensor}/${tensor.quantity}`;

/** Tensors that say most: weights and outputs, unless there are none of those, or all are wished. */
export function rowsToShow(rows: readonly LayerTensor[], all: boolean): number[] {
  const every = rows.map((_, i) => i);
  const main = every.filter((i) => /weight|kernel|output|^W/.test(rows[i]!.tensor));
  return all || !main.length ? every : main;
}
