/** What a view offers to the overview of a run: small live parts of itself, one for each kind of card. */
import type { Component } from 'svelte';
import type { Card, CardKind, Run } from '../../api/schema.gen';
import type { IconName } from '../../ui/Icon.svelte';

/** The inside of a card: what there is to see, and of which run. It fills the room that it is given. */
export type CardComponent = Component<{ card: Card; run: Run }>;

export type Cards = Partial<Record<CardKind, () => Promise<{ default: CardComponent }>>>;

/** A view as its cards name it and link to it. */
export interface Offering {
  id: string;
  icon: IconName;
  title: () => string;
  /** Whether it obeys the selected step. */
  hasStep: boolean;
  cards: Cards;
}
