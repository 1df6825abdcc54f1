/** The connection to the server: what it serves, whether it responds, and the messages that keep the runs up to date. */
import { api } from '../api/client';
import { listen, type Link } from '../api/live';
import type { About } from '../api/schema.gen';
import { afterCharts } from '../chart/busy';
import { jobs } from './jobs.svelte';
import { runs } from './runs.svelte';

class Connection {
  about = $state.raw<About | null>(null);
  link = $state<Link>('connecting');

  /** Load the runs, which every view waits for, then follow their changes. */
  async start(): Promise<void> {
    await runs.refresh();
    // The charts that waited for the runs come first.
    afterCharts(() => {
      void api.about().then((about) => (this.about = about), () => undefined);
      listen({
        link: (link) => {
          this.link = link;
          // Load what happened while the connection was lost now rather than with the next message.
          if (link === 'recovered' || runs.problem) void runs.refresh();
          if (link === 'connected' || link === 'recovered') void jobs.refresh().catch(() => undefined);
        },
        grew: (message) => void runs.follow(message.revision),
        job: (job) => jobs.hear(job),
      });
    });
  }
}

export const connection = new Connection();
