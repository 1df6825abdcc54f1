/** Navigation between sections and views: which sections are shown, the view each opens with, and links to views. */
import { selection } from '../state/selection.svelte';
import { SECTIONS, shownView, viewsOf, type Section, type View } from '../views/registry';

/** The view that was last shown in each section: coming back opens it again. */
const lastShown = new Map<string, View>();

export function remember(view: View): void {
  lastShown.set(view.section, view);
}

/** The view that a section opens with. */
export function entranceOf(section: string): View {
  const now = shownView();
  return now.section === section ? now : (lastShown.get(section) ?? viewsOf(section)[0]!);
}

/** Sections that have something to show, and the one on screen. */
export function shownSections(): Section[] {
  const { section } = shownView();
  return SECTIONS.filter((one) => one.id === section || one.isShown());
}

/** Follow a link to a view within the page; a click that asks for a new tab is left to the browser. */
export function follow(event: MouseEvent, view: View): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  selection.set({ view: view.id });
}
