/** The language of the page: the browser's, unless the user chose one. */
import { ENGLISH, LANGUAGES, preferred, type Language, type Messages } from '../i18n/languages';
import { keep, recall } from './stored';

/** The language that was chosen, if the page still has it. */
function chosen(): string | null {
  const code = recall<string | null>('language', null);
  return code !== null && LANGUAGES.has(code) ? code : null;
}

class I18n {
  /** Its code: `en`. */
  code = $state(chosen() ?? preferred(navigator.languages ?? []));
  readonly language: Language = $derived(LANGUAGES.get(this.code) ?? LANGUAGES.get(ENGLISH)!);
  /** The messages: `i18n.t.runs.title`. */
  readonly t: Messages = $derived(this.language.messages);
  readonly locale: string = $derived(this.language.locale);
  /** The code of the next language, which the button switches to. */
  readonly next: string = $derived.by(() => {
    const codes = [...LANGUAGES.keys()];
    return codes[(codes.indexOf(this.code) + 1) % codes.length]!;
  });

  constructor() {
    document.documentElement.lang = this.locale;
  }

  set(code: string): void {
    this.code = code;
    keep('language', code);
    document.documentElement.lang = this.locale;
  }
}

export const i18n = new I18n();
