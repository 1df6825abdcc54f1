/** The time as the page shows it: "3 minutes ago" moves on by itself. */

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
