/** An upload of a model file: its progress and result. */
import { ApiError, api } from '../../api/client';
import { bytes } from '../../i18n/numbers';
import { i18n } from '../../state/i18n.svelte';
import { model } from './model.svelte';
import { overlays } from './overlays.svelte';

class Opening {
  file = $state.raw<File | null>(null);
  /** Bytes. */
  sent = $state(0);
  problem = $state('');
  #stop: AbortController | null = null;

  async open(file: File): Promise<void> {
    this.cancel();
    this.problem = '';
    const taken = await overlays.take(file);
    if (taken) {
      if (taken !== true) this.problem = taken;
      return;
    }
    const largest = model.list.value?.largest_upload_bytes ?? Infinity;
    if (file.size > largest) {
      this.problem = i18n.t.model.tooLarge(file.name, bytes(file.size), bytes(largest));
      return;
    }
    const stop = (this.#stop = new AbortController());
    this.file = file;
    this.sent = 0;
    this.problem = '';
    try {
      const info = await api.openModel(file, (sent) => (this.sent = sent), stop.signal);
      if (this.#stop !== stop) return;
      this.file = null;
      model.refresh();
      if (info.problem) this.problem = info.problem;
      else model.choose(info.id);
    } catch (error) {
      if (this.#stop !== stop) return;
      this.file = null;
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.message || i18n.t.model.notSent(file.name, bytes(file.size));
    }
  }

  cancel(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.file = null;
  }
}

export const opening = new Opening();
