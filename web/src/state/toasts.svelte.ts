/** Short news at the edge of the page, each with a way back where there is one. */

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action: { label: string; run: () => void } | null;
}

const SHORT_MS = 4_000;
/** Time to change one's mind. */
const LONG_MS = 9_000;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 0;

  /** Returns the id by which it is dropped. */
  add(text: string, action: Toast['action'] = null, bad = false): number {
    const toast: Toast = { id: this.#next++, text, bad, action };
    this.list = [...this.list.slice(-2), toast];
    setTimeout(() => this.drop(toast.id), action || bad ? LONG_MS : SHORT_MS);
    return toast.id;
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** Say that something happened, with a way back. */
export function toast(text: string, action?: Toast['action']): number {
  return toasts.add(text, action ?? null);
}

/** Say that something did not work, with a way on where there is one. */
export function complain(text: string, action: Toast['action'] = null): void {
  toasts.add(text, action, true);
}
