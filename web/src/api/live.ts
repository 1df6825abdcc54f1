/** The live channel: one WebSocket that reconnects by itself, after a second or after a night's sleep. */
import { BASE } from './client';
import type { Grew, Job, Live } from './schema.gen';

/** `connecting`: the first attempt. `recovered` lasts a few seconds after `lost`, then becomes `connected`. */
export type Link = 'connecting' | 'connected' | 'lost' | 'recovered';

interface Listener {
  grew: (message: Grew) => void;
  job: (job: Job) => void;
  link: (link: Link) => void;
}

/** The server sends a heartbeat every 10 s; a channel that is silent for longer is dead, although the socket looks open. */
const SILENCE_MS = 25_000;
const RECOVERED_MS = 4_000;
const FIRST_MS = 500;
const LONGEST_MS = 5_000;

/** How long to wait before attempt n (from 0): doubling up to 5 s, a random part from half to all of it. */
export function backoff(attempt: number, random = Math.random()): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}

/** Open the channel; the return value closes it for good. */
export function listen(listener: Listener): () => void {
  let socket: WebSocket | null = null;
  let link: Link = 'connecting';
  let attempt = 0;
  let heard = Date.now();
  let retry: ReturnType<typeof setTimeout> | undefined;
  let calm: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const become = (next: Link) => {
    if (next !== link) listener.link((link = next));
  };

  const lose = () => {
    if (closed) return;
    drop();
    become('lost');
    clearTimeout(calm);
    clearTimeout(retry);
    retry = setTimeout(open, backoff(attempt++));
  };

  const drop = () => {
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    socket = null;
  };

  const open = () => {
    if (closed) return;
    clearTimeout(retry);
    drop();
    heard = Date.now();
    const url = new URL(`${BASE}api/live`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    socket = new WebSocket(url);
    socket.onmessage = (event) => {
      heard = Date.now();
      attempt = 0;
      if (link === 'lost') {
        become('recovered');
        calm = setTimeout(() => become('connected'), RECOVERED_MS);
      } else if (link === 'connecting') become('connected');
      const message = JSON.parse(String(event.data)) as Live;
      if (message.type === 'job') listener.job(message.job);
      else listener.grew(message);
    };
    socket.onclose = lose;
    socket.onerror = lose;
  };

  // Timers stop while a laptop sleeps, so clock times are compared instead.
  const watch = setInterval(() => {
    if (link !== 'lost' && Date.now() - heard > SILENCE_MS) lose();
  }, 2_000);
  const hurry = () => {
    if (closed || document.visibilityState === 'hidden') return;
    if (link === 'lost' || Date.now() - heard > SILENCE_MS) {
      attempt = 0;
      open();
    }
  };
  addEventListener('online', hurry);
  addEventListener('offline', lose);
  addEventListener('focus', hurry);
  document.addEventListener('visibilitychange', hurry);
  open();

  return () => {
    closed = true;
    clearInterval(watch);
    clearTimeout(retry);
    clearTimeout(calm);
    removeEventListener('online', hurry);
    removeEventListener('offline', lose);
    removeEventListener('focus', hurry);
    document.removeEventListener('visibilitychange', hurry);
    drop();
  };
}
