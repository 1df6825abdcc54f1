/** The languages of the page, one file each in languages/: its tag for dates, and every sentence. English is part of the page, another one is loaded when it is chosen. */
import { locale, messages, type Messages } from './languages/en';

export type { Messages };

export interface Language {
  /** For dates and for the browser: `zh-CN`. */
  locale: string;
  messages: Messages;
}

export const ENGLISH = 'en';
const others = import.meta.glob<Language>(['./languages/*.ts', '!./languages/en.ts']);
const loaders = new Map(Object.entries(others).map(([path, load]) => [/(\w+)\.ts$/.exec(path)![1]!, load]));

/** Codes of all languages, which are the names of their files: `en`, `zh`. */
export const LANGUAGES: readonly string[] = [ENGLISH, ...loaders.keys()];
export const DEFAULT: Language = { locale, messages };

/** A language by its code, downloaded unless it is English. Rejects if the download fails. */
export function load(code: string): Promise<Language> {
  return loaders.get(code)?.() ?? Promise.resolve(DEFAULT);
}

/** What a language calls itself: `English`, `中文`. */
export function nameOf(code: string): string {
  return new Intl.DisplayNames([code], { type: 'language' }).of(code)!;
}

/** The first of the browser's languages that the page supports. */
export function preferred(wishes: readonly string[]): string {
  return wishes.map((wish) => wish.toLowerCase().split('-')[0]!).find((code) => LANGUAGES.includes(code)) ?? ENGLISH;
}
