/** Short messages at the edge of the page, with a button to undo if there is a way back. */

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action: { label: string; run: () => void } | null;
}

const SHORT_MS = 4_000;
/** How long a message with a button stays. */
const LONG_MS = 9_000;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 0;

  /** Returns the id by which it can be removed. */
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

/** Show a message, with an optional button. */
export function toast(text: string, action?: Toast['action']): number {
  return toasts.add(text, action ?? null);
}

/** Show an error, with an optional button. */
export function complain(text: string, action: Toast['action'] = null): void {
  toasts.add(text, action, true);
}
