/** Every command with a name or a key: the palette and the `?` overlay list them, the keyboard runs them. */

export interface Command {
  id: string;
  /** Called each time it is shown, so that it follows the language and the state. */
  title: () => string;
  /** Heading in the palette and the overlay. */
  heading: () => string;
  /** "j", "shift+e", "mod+k" (mod: Ctrl, or Cmd on a Mac), "g c" (one after the other). */
  keys?: readonly string[];
  /** The mouse gesture that does it instead, for the `?` overlay. */
  gesture?: () => string;
  run: () => void;
  /** Whether it can be run now; always if missing. */
  when?: () => boolean;
  /** False: only a key, not listed in the palette. */
  palette?: boolean;
}

const commands = new Map<string, Command>();

/** Add commands; the return value removes them again (return it from an `$effect`). */
export function register(...added: Command[]): () => void {
  for (const command of added) commands.set(command.id, command);
  return () => {
    for (const command of added) if (commands.get(command.id) === command) commands.delete(command.id);
  };
}

export function all(): Command[] {
  return [...commands.values()];
}

const isMac = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? '');

/** The name of a key press in the spelling of `Command.keys`. */
export function spell(event: KeyboardEvent): string {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  const key = event.key === ' ' ? 'space' : event.key.toLowerCase();
  const shift = event.shiftKey && (key.length > 1 || /[a-z]/.test(key));
  return `${mod ? 'mod+' : ''}${event.altKey ? 'alt+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** A key as text: "⌘K", "Ctrl K", "⇧E", "g c". */
export function print(keys: string): string {
  const names: Record<string, string> = {
    mod: isMac ? '⌘' : 'Ctrl',
    shift: '⇧',
    alt: isMac ? '⌥' : 'Alt',
    arrowup: '↑',
    arrowdown: '↓',
    arrowleft: '←',
    arrowright: '→',
    enter: '↵',
    escape: 'Esc',
    space: 'Space',
    backspace: '⌫',
    delete: 'Del',
  };
  return keys
    .split(' ')
    .map((chord) =>
      chord
        .split('+')
        .map((part) => names[part] ?? (part.length === 1 || /^f\d+$/.test(part) ? part.toUpperCase() : part))
        .join(isMac ? '' : ' '),
    )
    .join(' ');
}

/** Whether a key press belongs to a text field. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range', 'color'].includes(target.type);
}

let started = '';
let startedAt = 0;

/** Run the command of a key press; true if there was one. */
export function press(event: KeyboardEvent, now = performance.now()): boolean {
  if (event.defaultPrevented || event.isComposing) return false;
  const key = spell(event);
  if (isTyping(event.target) && !key.startsWith('mod+')) return false;
  const isBusy = document.querySelector('dialog[open]') || (event.target instanceof Element && event.target.closest('[popover]'));
  if (isBusy && !key.startsWith('mod+')) return false;
  // Enter and Space belong to the control that has the focus.
  const isControl = event.target instanceof Element && event.target.closest('button, a, input, summary, [role=menuitem], [role=option]');
  if (isControl && (key === 'enter' || key === 'space')) return false;
  const sequence = now - startedAt < 900 && started ? `${started} ${key}` : key;
  started = key;
  startedAt = now;
  for (const wanted of [sequence, key]) {
    // The latest registered wins: a view may take over a key of the shell.
    const found = all().reverse().find((c) => c.keys?.includes(wanted) && (c.when?.() ?? true));
    if (found) {
      started = '';
      event.preventDefault();
      found.run();
      return true;
    }
  }
  return false;
}
