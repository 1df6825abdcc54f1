/** The language of the page: the browser's, unless the user chose one. */
import { DEFAULT, ENGLISH, LANGUAGES, load, preferred, type Language, type Messages } from '../i18n/languages';
import { keep, recall } from './stored';
import { complain } from './toasts.svelte';

/** The language that was chosen, if the page still has it. */
function chosen(): string | null {
  const code = recall<string | null>('language', null);
  return code !== null && LANGUAGES.includes(code) ? code : null;
}

class I18n {
  /** Its code: `en`. */
  code = $state(ENGLISH);
  #language = $state.raw<Language>(DEFAULT);
  /** The messages: `i18n.t.runs.title`. */
  readonly t: Messages = $derived(this.#language.messages);
  readonly locale: string = $derived(this.#language.locale);
  /** The code of the next language, which the button switches to. */
  readonly next: string = $derived(LANGUAGES[(LANGUAGES.indexOf(this.code) + 1) % LANGUAGES.length]!);
  /** What was chosen last, while its sentences are on their way. */
  #wish = ENGLISH;

  /** Show the chosen language from now on, or the browser's. The page waits for it, so that it does not begin in another one; without it, it is in English. */
  begin(): Promise<void> {
    return this.#show(chosen() ?? preferred(navigator.languages ?? [])).catch(() => undefined);
  }

  /** Choose a language. Until it is loaded, the page stays as it is. */
  set(code: string): void {
    keep('language', code);
    this.#show(code).catch(() => complain(this.t.shell.failedLanguage, { label: this.t.shell.reload, run: () => location.reload() }));
  }

  async #show(code: string): Promise<void> {
    this.#wish = code;
    const language = await load(code);
    if (this.#wish !== code) return;
    this.#language = language;
    this.code = code;
    document.documentElement.lang = language.locale;
  }
}

export const i18n = new I18n();
