/**
 * Whether charts in sight still wait for data or for their turn to be drawn; `performance.mark('charts-drawn')` when none does.
 *
 * The mark is set one frame later, if nothing more was requested, with the time at which the last chart was shown.
 */

let pending = 0;
let drawn = 0;
let wait = 0;

/** Something is in progress; call the returned function when it is done (calling it again does no harm). */
export function begin(): () => void {
  pending++;
  cancelAnimationFrame(wait);
  let over = false;
  return () => {
    if (over) return;
    over = true;
    if (--pending === 0) settle();
  };
}

/** A chart was drawn. */
export function count(): void {
  drawn++;
}

// Replies make components draw in the next frame; once it has come, earlier drawings are on screen.
function settle(): void {
  cancelAnimationFrame(wait);
  wait = requestAnimationFrame(() => {
    const startTime = performance.now();
    wait = requestAnimationFrame(() => {
      if (pending > 0) return;
      if (drawn > 0) {
        performance.mark('charts-drawn', { detail: drawn, startTime });
        budgetMs = BUDGET_MS;
      }
      for (const go of second) go();
    });
  });
}

/** If charts are slow, secondary work does not wait longer than this. */
const SECOND_MS = 300;
const second = new Set<() => void>();

/** Do secondary work when no chart is pending any more, or after a short time; the return value cancels it. */
export function afterCharts(later: () => void): () => void {
  const stop = () => {
    clearTimeout(timer);
    second.delete(go);
  };
  const go = () => {
    stop();
    later();
  };
  const timer = setTimeout(go, pending > 0 ? SECOND_MS : 0);
  second.add(go);
  return stop;
}

/** Do work that can wait once no chart is pending, but not before `ms` have passed; the return value cancels it. */
export function afterwards(ms: number, later: () => void): () => void {
  let timer = setTimeout(function look() {
    if (pending > 0) timer = setTimeout(look, 200);
    else later();
  }, ms);
  return () => clearTimeout(timer);
}

type Job = () => void;
const queue = new Map<object, { job: Job; done: () => void }>();
let frame = 0;
const BUDGET_MS = 24;
/** Before anything is shown there is nothing to keep smooth, and each frame costs time. */
let budgetMs = 100;

/** Draw in the next animation frame; a later job of the same owner replaces the earlier one. Long work is spread over frames. */
export function draw(owner: object, job: Job): void {
  const waiting = queue.get(owner);
  queue.set(owner, { job, done: waiting?.done ?? begin() });
  frame ||= requestAnimationFrame(run);
}

/** Cancel what an owner still wanted to draw. */
export function forget(owner: object): void {
  queue.get(owner)?.done();
  queue.delete(owner);
}

function run(): void {
  const start = performance.now();
  frame = 0;
  for (const [owner, { job, done }] of queue) {
    queue.delete(owner);
    job();
    done();
    if (performance.now() - start > budgetMs) break;
  }
  if (queue.size) frame = requestAnimationFrame(run);
}
