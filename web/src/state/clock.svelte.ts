/** The current time, updated so that "3 minutes ago" stays correct. */

class Clock {
  /** Unix seconds. */
  now = $state(Date.now() / 1000);

  constructor() {
    const tick = () => (this.now = Date.now() / 1000);
    setInterval(() => document.visibilityState === 'visible' && tick(), 5_000);
    document.addEventListener('visibilitychange', tick);
  }
}

export const clock = new Clock();
