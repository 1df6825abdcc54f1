/** Long-running jobs on the server and their progress. The live channel reports every change. */
import { api } from '../api/client';
import type { ExportRequest, Job } from '../api/schema.gen';
import { legible } from '../i18n/text';
import { saveFile } from '../ui/saveFile';
import { i18n } from './i18n.svelte';
import { complain, toast } from './toasts.svelte';

class JobsState {
  #all = $state.raw<ReadonlyMap<string, Job>>(new Map());
  /** Started from this page, so that their end is worth a message. */
  readonly #ours = new Set<string>();

  /** Newest first. */
  list = $derived([...this.#all.values()].sort((a, b) => b.created - a.created));
  running = $derived(this.list.filter(isRunning));
  /** Progress of all running jobs, from 0 to 1; null if unknown. */
  share = $derived.by(() => {
    const known = this.running.filter((job) => job.total > 0);
    return known.length ? known.reduce((sum, job) => sum + job.done / job.total, 0) / this.running.length : null;
  });

  hear(job: Job): void {
    const all = new Map(this.#all);
    if (job.kind === 'index' && job.state === 'done') all.delete(job.id);
    else all.set(job.id, job);
    this.#all = all;
    if (!isRunning(job) && this.#ours.delete(job.id)) this.#tell(job);
  }

  #tell(job: Job): void {
    if (job.state === 'done') toast(i18n.t.jobs.ready(legible(job.file)), { label: i18n.t.jobs.save, run: () => save(job) });
    if (job.state === 'failed') complain(i18n.t.jobs.failed(legible(job.error)));
  }

  /** Load all jobs: when the page opens, or after the server could not be reached. */
  async refresh(): Promise<void> {
    const { jobs } = await api.jobs();
    this.#all = new Map(jobs.map((job) => [job.id, job]));
  }

  async export(request: ExportRequest): Promise<Job> {
    const job = await api.export(request);
    this.#ours.add(job.id);
    this.hear(this.#all.get(job.id) ?? job); // its end may have been reported before its beginning
    return job;
  }

  async cancel(id: string): Promise<void> {
    this.hear(await api.cancel(id));
  }
}

export function isRunning(job: Job): boolean {
  return job.state === 'waiting' || job.state === 'running';
}

/** Save the file that a job wrote. */
export function save(job: Job): void {
  saveFile(api.jobFile(job.id), job.file);
}

export const jobs = new JobsState();
