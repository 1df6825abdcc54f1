import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { backoff, listen, type Link } from './live';
import type { Grew, Job, Live } from './schema.gen';

class Socket {
  static all: Socket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  isClosed = false;

  constructor(readonly url: URL) {
    Socket.all.push(this);
  }

  close() {
    this.isClosed = true;
  }

  say(message: Live) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const BEAT: Grew = { type: 'grew', revision: 1, grew: [] };
const socket = () => Socket.all.at(-1)!;
let links: Link[];
let heard: Grew[];
let jobs: Job[];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Socket);
  Socket.all = [];
  links = [];
  heard = [];
  jobs = [];
  stop = listen({ link: (link) => links.push(link), grew: (message) => heard.push(message), job: (job) => jobs.push(job) });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('the channel speaks the web socket protocol to the address the page came from', () => {
  expect(String(socket().url)).toMatch(/^ws:.*\/api\/live$/);
});

test('messages about jobs and about growth go to different listeners', () => {
  const job: Job = { id: 'a', kind: 'export', title: 'all', state: 'running', done: 1, total: 2, unit: 'series', error: '', file: 'a.csv', created: 1 };
  socket().say({ type: 'job', job });
  expect(jobs).toEqual([job]);
  expect(heard).toEqual([]);
});

test('a broken channel is lost, reopened, recovered, and after a while connected', () => {
  socket().say(BEAT);
  socket().onclose?.();
  expect(links).toEqual(['connected', 'lost']);
  vi.advanceTimersByTime(1_000);
  expect(Socket.all).toHaveLength(2);
  socket().say({ ...BEAT, revision: 9 });
  vi.advanceTimersByTime(5_000);
  expect(links).toEqual(['connected', 'lost', 'recovered', 'connected']);
  expect(heard.map((message) => message.revision)).toEqual([1, 9]);
});

test('a channel that looks open but is silent is given up', () => {
  socket().say(BEAT);
  vi.advanceTimersByTime(40_000);
  expect(links).toContain('lost');
  expect(Socket.all[0]!.isClosed).toBe(true);
});

test('after an hour of sleep the page reconnects at once when it becomes visible', () => {
  socket().say(BEAT);
  vi.setSystemTime(Date.now() + 3_600_000);
  dispatchEvent(new Event('focus'));
  expect(Socket.all).toHaveLength(2);
  socket().say({ ...BEAT, revision: 500 });
  expect(heard.at(-1)!.revision).toBe(500);
});

test('attempts become rarer, never rarer than every 5 s, and never all at the same moment', () => {
  expect(backoff(0, 1)).toBe(500);
  expect(backoff(3, 1)).toBe(4_000);
  expect(backoff(30, 1)).toBe(5_000);
  expect(backoff(3, 0)).toBe(2_000);
});

test('a closed channel stays closed', () => {
  stop();
  expect(socket().isClosed).toBe(true);
  dispatchEvent(new Event('online'));
  vi.advanceTimersByTime(60_000);
  expect(Socket.all).toHaveLength(1);
});
