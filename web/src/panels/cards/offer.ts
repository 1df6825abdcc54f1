/** The cards that a view offers for the Overview: small live parts of itself, one per kind of card. */
import type { Component } from 'svelte';
import type { Card, CardKind, Run } from '../../api/schema.gen';
import type { IconName } from '../../ui/Icon.svelte';

/** The content of a card about a run. It fills the space it is given. */
export type CardComponent = Component<{ card: Card; run: Run }>;

export type Cards = Partial<Record<CardKind, () => Promise<{ default: CardComponent }>>>;

/** The view of a card: its name and the link to it. */
export interface Offering {
  id: string;
  icon: IconName;
  title: () => string;
  /** Whether it follows the selected step. */
  hasStep: boolean;
  cards: Cards;
}
