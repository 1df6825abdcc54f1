/** The language of the page: the browser's, unless the person chose one. */
import { en, type Messages } from '../i18n/en';
import { zh } from '../i18n/zh';
import { keep, recall } from './stored';

export type Language = 'en' | 'zh';

export const LANGUAGES: Record<Language, { messages: Messages; name: string; locale: string }> = {
  en: { messages: en, name: 'English', locale: 'en' },
  zh: { messages: zh, name: '中文', locale: 'zh-CN' },
};

/** The first of the browser's languages that there is a catalogue for. */
export function preferred(wishes: readonly string[]): Language {
  for (const wish of wishes) {
    const short = wish.toLowerCase().split('-')[0];
    if (short === 'zh' || short === 'en') return short;
  }
  return 'en';
}

class I18n {
  language = $state<Language>(recall<Language | null>('language', null) ?? preferred(navigator.languages ?? []));
  /** The messages: `i18n.t.runs.title`. */
  readonly t: Messages = $derived(LANGUAGES[this.language].messages);
  readonly locale: string = $derived(LANGUAGES[this.language].locale);
  /** The language that the page is not in. */
  readonly other: Language = $derived(this.language === 'en' ? 'zh' : 'en');

  constructor() {
    document.documentElement.lang = this.locale;
  }

  set(language: Language): void {
    this.language = language;
    keep('language', language);
    document.documentElement.lang = this.locale;
  }
}

export const i18n = new I18n();
