/** Every view of the page, one entry each. Sections, tabs, keys, palette, addresses, lazy loading and the scrubber come from here. */
import type { Component } from 'svelte';
import type { WhenEmpty } from '../ui/Empty.svelte';
import type { IconName } from '../ui/Icon.svelte';
import { i18n } from '../state/i18n.svelte';
import type { Cards, Offering } from '../panels/cards/offer';
import { runs } from '../state/runs.svelte';
import { selection } from '../state/selection.svelte';
import { prepare as prepareCurves } from './curves/early';
import Curves from './curves/Curves.svelte';

/** A view may take the prop `whenEmpty`. */
type ViewComponent = Component<never>;

/** Logged values, what `watch` measured, or media and histograms. */
export type StepSource = 'series' | 'layers' | 'media';

export interface View {
  /** Its name in the address. */
  id: string;
  /** Id of its section. */
  section: string;
  icon: IconName;
  /** Pressed after `g`. */
  key: string;
  title: () => string;
  /** Which runs it shows: all of the folder, the shown ones, or the current one. The latter two have the list of runs beside them. */
  of: 'folder' | 'shown' | 'current';
  /** Source of the steps that can be selected in it; if given, the scrubber is below it. */
  scrubber?: StepSource;
  /** Whether it has steps as it is now; unless given, it does. */
  hasSteps?: () => boolean;
  /** Whether it draws a heading of its own. */
  hasHeading?: boolean;
  /** Its component, or the download of it. */
  load: () => ViewComponent | Promise<{ default: ViewComponent }>;
  /** Requests that can be sent before the page is built, if the page opens with this view. */
  prepare?: () => Promise<void>;
  /** Cards for the Overview, by kind: each is a small live part of the view, and opens it. */
  cards?: Cards;
  /** Further props for its component. */
  props?: () => object;
  /** What it says if there is nothing to show, and what to type to change that. */
  whenEmpty?: () => WhenEmpty;
}

/** Views that belong together. One with a single view is a tab of its own. */
export interface Section {
  id: string;
  icon: IconName;
  title: () => string;
  /** Whether it has something to show. */
  isShown: () => boolean;
}

const hasRuns = () => !runs.loaded || runs.all.size > 0;

export const SECTIONS: readonly Section[] = [
  { id: 'runs', icon: 'runs', title: () => i18n.t.views.runs, isShown: () => true },
  { id: 'overview', icon: 'overview', title: () => i18n.t.views.overview, isShown: hasRuns },
  { id: 'training', icon: 'training', title: () => i18n.t.sections.training, isShown: hasRuns },
  { id: 'model', icon: 'model', title: () => i18n.t.sections.model, isShown: () => true },
];

export const VIEWS: readonly View[] = [
  {
    id: 'runs',
    section: 'runs',
    icon: 'runs',
    key: 'r',
    title: () => i18n.t.views.runs,
    of: 'folder',
    load: () => import('./runs/Runs.svelte'),
  },
  {
    id: 'compare',
    section: 'runs',
    icon: 'diff',
    key: 'd',
    title: () => i18n.t.views.compare,
    of: 'shown',
    load: () => import('./compare/Compare.svelte'),
  },
  {
    id: 'trash',
    section: 'runs',
    icon: 'trash',
    key: 'x',
    title: () => i18n.t.views.trash,
    of: 'folder',
    load: () => import('./trash/Trash.svelte'),
  },
  {
    id: 'overview',
    section: 'overview',
    icon: 'overview',
    key: 'o',
    title: () => i18n.t.views.overview,
    of: 'current',
    hasHeading: true,
    load: () => import('./overview/Overview.svelte'),
    props: () => ({ offerings: offerings() }),
  },
  {
    id: 'curves',
    section: 'training',
    icon: 'curves',
    key: 'c',
    title: () => i18n.t.views.curves,
    of: 'shown',
    scrubber: 'series',
    load: () => Curves,
    prepare: prepareCurves,
    whenEmpty: () => ({ text: [i18n.t.curves.noKeys], example: 'run.log({"loss": loss, "val/accuracy": accuracy})' }),
    cards: { curves: () => import('./curves/CurvesCard.svelte') },
  },
  {
    id: 'layers',
    section: 'training',
    icon: 'layers',
    key: 'l',
    title: () => i18n.t.views.layers,
    of: 'current',
    scrubber: 'layers',
    load: () => import('./layers/Layers.svelte'),
    whenEmpty: () => ({ text: [i18n.t.layers.empty, i18n.t.layers.emptyHint], example: 'run.watch(model)' }),
    cards: { gradients: () => import('./layers/GradientsCard.svelte'), layers: () => import('./layers/StandOutCard.svelte') },
  },
  {
    id: 'media',
    section: 'training',
    icon: 'media',
    key: 'm',
    title: () => i18n.t.views.media,
    of: 'shown',
    scrubber: 'media',
    load: () => import('./media/Media.svelte'),
    whenEmpty: () => ({ text: [i18n.t.media.empty, i18n.t.media.emptyHint], example: 'run.log({"samples": netscope.Image(pixels)}, step=step)' }),
    cards: { samples: () => import('./media/SamplesCard.svelte'), confusion: () => import('./media/ConfusionCard.svelte') },
  },
  {
    id: 'system',
    section: 'training',
    icon: 'system',
    key: 's',
    title: () => i18n.t.views.system,
    of: 'shown',
    load: () => import('./system/System.svelte'),
    whenEmpty: () => ({ text: [i18n.t.system.empty, i18n.t.system.emptyHint], example: 'run = netscope.init()' }),
    cards: { pace: () => import('./system/PaceCard.svelte') },
  },
  {
    id: 'console',
    section: 'training',
    icon: 'console',
    key: 't',
    title: () => i18n.t.views.console,
    of: 'current',
    load: () => import('./console/Console.svelte'),
    cards: { console: () => import('./console/LastLinesCard.svelte') },
  },
  {
    id: 'graph',
    section: 'model',
    icon: 'model',
    key: 'n',
    title: () => i18n.t.views.graph,
    of: 'current',
    scrubber: 'layers',
    // Coloured by what `watch` measured of the layers.
    hasSteps: () => selection.more['colour']?.startsWith('layers ') ?? false,
    load: () => import('./model/Graph.svelte'),
    whenEmpty: () => ({ text: [i18n.t.model.empty] }),
    cards: { network: () => import('./model/NetworkCard.svelte') },
  },
  {
    id: 'table',
    section: 'model',
    icon: 'table',
    key: 'b',
    title: () => i18n.t.views.table,
    of: 'current',
    load: () => import('./model/Table.svelte'),
    whenEmpty: () => ({ text: [i18n.t.model.empty] }),
  },
  {
    id: 'weights',
    section: 'model',
    icon: 'weights',
    key: 'w',
    title: () => i18n.t.views.weights,
    of: 'current',
    load: () => import('./model/Weights.svelte'),
    whenEmpty: () => ({ text: [i18n.t.model.empty] }),
  },
];

/** The view of the address. */
export function shownView(): View {
  return VIEWS.find((view) => view.id === selection.view) ?? VIEWS[0]!;
}

export function viewsOf(section: string): View[] {
  return VIEWS.filter((view) => view.section === section);
}

/** The views that offer cards. */
function offerings(): Offering[] {
  return VIEWS.flatMap(({ id, icon, title, scrubber, cards }) => (cards ? [{ id, icon, title, hasStep: scrubber !== undefined, cards }] : []));
}
