/** Which cards the user pinned and dismissed, remembered in the browser for each folder of runs. */
import type { Run } from '../../api/schema.gen';
import { connection } from '../../state/connection.svelte';
import { keep, recall } from '../../state/stored';
import { moved, NO_CHOICES, type Choices } from './arrange';

export class CardChoices {
  #folder = $state('');
  #now = $state.raw<Choices>(NO_CHOICES);

  /** Load the choices for the folder of a run; call when another run is opened. */
  of(run: Run): void {
    const folder = run.folder || (connection.about?.folders[0] ?? '');
    if (folder === this.#folder) return;
    this.#folder = folder;
    this.#now = { ...NO_CHOICES, ...recall<Partial<Choices>>(`cards ${folder}`, {}) };
  }

  get now(): Choices {
    return this.#now;
  }

  pin(id: string, on: boolean): void {
    const others = this.#now.pinned.filter((one) => one !== id);
    this.#set({ pinned: on ? [id, ...others] : others });
  }

  move(id: string, by: number): void {
    this.#set({ pinned: moved(this.#now.pinned, id, by) });
  }

  dismiss(id: string): void {
    this.#set({ dismissed: [...this.#now.dismissed, id], pinned: this.#now.pinned.filter((one) => one !== id) });
  }

  restore(ids: readonly string[]): void {
    this.#set({ dismissed: this.#now.dismissed.filter((one) => !ids.includes(one)) });
  }

  #set(change: Partial<Choices>): void {
    this.#now = { ...this.#now, ...change };
    keep(`cards ${this.#folder}`, this.#now);
  }
}
