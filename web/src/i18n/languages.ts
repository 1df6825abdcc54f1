/** The languages of the page, one file each in languages/: its name, its tag for dates, and every sentence. */
import type { Messages } from './languages/en';

export type { Messages };

export interface Language {
  /** Its name in the language itself. */
  name: string;
  /** For dates and for the browser: `zh-CN`. */
  locale: string;
  messages: Messages;
}

const files = import.meta.glob<Language>('./languages/*.ts', { eager: true });

/** By code, the name of the file: `en`, `zh`. */
export const LANGUAGES: ReadonlyMap<string, Language> = new Map(Object.entries(files).map(([path, language]) => [/(\w+)\.ts$/.exec(path)![1]!, language]));

export const ENGLISH = 'en';

/** The first of the browser's languages that the page supports. */
export function preferred(wishes: readonly string[]): string {
  return wishes.map((wish) => wish.toLowerCase().split('-')[0]!).find((code) => LANGUAGES.has(code)) ?? ENGLISH;
}
