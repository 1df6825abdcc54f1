/** Navigation between sections: which are shown, and the view each opens with. */
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
