import type { Component } from 'svelte';
import { expect, test, vi } from 'vitest';
import { Later } from './later.svelte';
import { toasts } from './toasts.svelte';

const dialog = (() => ({})) as unknown as Component;

test('a component is downloaded once, when it is needed', async () => {
  const load = vi.fn(() => Promise.resolve({ default: dialog }));
  const later = new Later(load);
  expect(load).not.toHaveBeenCalled();
  expect(later.component).toBeNull();
  later.prefetch();
  await vi.waitFor(() => expect(later.component).toBe(dialog));
  expect(load).toHaveBeenCalledOnce();
});

test('a download that fails in advance is repeated when the component is needed, and reported if it fails again', async () => {
  const load = vi.fn<() => Promise<{ default: Component }>>().mockRejectedValueOnce(new TypeError('offline'));
  load.mockRejectedValueOnce(new TypeError('offline')).mockResolvedValue({ default: dialog });
  const later = new Later(load);
  later.prefetch();
  await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
  await Promise.resolve();
  expect(toasts.list).toEqual([]);
  await vi.waitFor(() => {
    expect(later.component).toBeNull();
    expect(toasts.list.map((toast) => toast.text)).toEqual(['This view could not be loaded.']);
  });
  await vi.waitFor(() => expect(later.component).toBe(dialog));
});
