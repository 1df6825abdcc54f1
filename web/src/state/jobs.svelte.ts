/** Long work of the server: what there is and how far it is. The live channel tells of every change. */
import { api } from '../api/client';
import type { ExportRequest, Job } from '../api/schema.gen';

class JobsState {
  #all = $state.raw<ReadonlyMap<string, Job>>(new Map());

  /** Newest first. */
  list = $derived([...this.#all.values()].sort((a, b) => b.created - a.created));
  running = $derived(this.list.filter(isRunning));

  hear(job: Job): void {
    const all = new Map(this.#all);
    if (job.kind === 'index' && job.state === 'done') all.delete(job.id);
    else all.set(job.id, job);
    this.#all = all;
  }

  /** Ask for all: after the page was opened, or the server was out of reach. */
  async refresh(): Promise<void> {
    const { jobs } = await api.jobs();
    this.#all = new Map(jobs.map((job) => [job.id, job]));
  }

  async export(request: ExportRequest): Promise<Job> {
    const job = await api.export(request);
    this.hear(job);
    return job;
  }

  async cancel(id: string): Promise<void> {
    this.hear(await api.cancel(id));
  }
}

export function isRunning(job: Job): boolean {
  return job.state === 'waiting' || job.state === 'running';
}

export const jobs = new JobsState();
