/**
 * The search box: plain words, a /regular expression/, or the filter language of docs/query.md.
 *
 * The twin of store/query/ (run_filter.py, parser.py); tests/data/queries.json holds both to the same answers.
 */
import { own } from '../api/own';
import type { Run } from '../api/schema.gen';
import { isNumeric, numberOf, toNumber } from '../api/numbers';
import { findKeys, PARTS, partOf, type Known } from './known';
import { corrected, FIELDS, isAttempt, STATES } from './nearMiss';
import { compare, isMissing, truth, type Value } from './queryOperators';

export interface Query {
  test: (run: Run) => boolean;
  /** Series whose summary the filter needs. */
  keys: readonly string[];
  /** Whether the filter has names that can only be resolved with the keys of all runs. */
  usesNames: boolean;
  /** What could not be parsed, and where; null if everything could. */
  problem: Misread | null;
  kind: 'all' | 'words' | 'regex' | 'filter';
}

class Misread extends Error {
  constructor(
    readonly reason: 'end' | 'unexpected' | 'name' | 'several' | 'regex' | 'quote' | 'joint' | 'tags' | 'state',
    /** The unexpected piece of text. */
    readonly piece: string,
    readonly at: number,
    /** The keys that a name may stand for, if there are several. */
    readonly keys: readonly string[] = [],
  ) {
    super(`${reason}: ${piece} at ${at}`);
  }
  /** The whole filter as it was probably meant; several if a name may stand for several keys. */
  instead: readonly string[] = [];
}

type Node = (run: Run) => Value;

const VALUE = PARTS.indexOf('value');

const NOTHING: Query = { test: () => true, keys: [], usesNames: false, problem: null, kind: 'all' };

/** Parse what was typed; never throws. If there is a problem, every run matches. Names are resolved among the `known` keys. */
export function understand(typed: string, known: Known | null = null): Query {
  const text = typed.trim();
  if (!text) return NOTHING;
  try {
    const regex = /^\/(.+)\/(i?)$/.exec(text);
    if (regex) {
      const pattern = compile(regex[1]!, regex[2]!, 0);
      return { ...NOTHING, kind: 'regex', test: (run) => pattern.test(run.name) || pattern.test(run.id) };
    }
    const isFilter = looksLikeFilter(text);
    if (!isFilter && !isAttempt(text, known)) return { ...NOTHING, kind: 'words', test: words(text) };
    const query = read(text, known);
    if (!query.problem) return query;
    const instead = corrected(text, known);
    const { problem } = read(instead, known);
    if (!problem) query.problem.instead = [instead];
    else if (problem.reason === 'several') query.problem.instead = problem.keys.map((key) => instead.slice(0, problem.at) + key + instead.slice(problem.at + problem.piece.length));
    else if (!isFilter) return { ...NOTHING, kind: 'words', test: words(text) };
    return query;
  } catch (error) {
    if (error instanceof Misread) return { ...NOTHING, problem: error };
    throw error;
  }
}

function read(text: string, known: Known | null): Query {
  try {
    const parser = new Parser(text, known);
    const node = parser.whole();
    return { kind: 'filter', test: (run) => truth(node(run)), keys: [...parser.keys], usesNames: parser.usesNames, problem: null };
  } catch (error) {
    if (error instanceof Misread) return { ...NOTHING, usesNames: true, problem: error };
    throw error;
  }
}

const SIGNS =
  /[<>=~]|\bin\s*[[(]|\bin\s+(id|name|state|tags|notes|config|summary)\b|\b(config|summary)\s*[.[]|\[\s*["']|\bis\s+(not\s+)?(missing|nan|inf|None|null)\b/;

function looksLikeFilter(text: string): boolean {
  return SIGNS.test(text) || /^(not\s+)?archived$/.test(text);
}

function words(text: string): (run: Run) => boolean {
  const wanted = text.toLowerCase().split(/\s+/);
  return (run) => {
    const hay = [run.name, run.id, run.state, ...run.tags, run.notes].join('\n').toLowerCase();
    return wanted.every((word) => hay.includes(word));
  };
}

function compile(pattern: string, flags: string, at: number): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch {
    throw new Misread('regex', pattern, at);
  }
}

interface Token {
  kind: 'number' | 'text' | 'name' | 'mark' | 'end';
  text: string;
  at: number;
}

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([\p{L}_][\p{L}\p{N}_]*(?:[/@-][\p{L}\p{N}_]+)*)|(==|!=|<=|>=|=~|!~|[<>~()[\],.+-]))/uy;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/^\s*$/.test(text.slice(at))) break;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) {
      const piece = text.slice(at).trim();
      const isQuote = /^["']/.test(piece);
      throw new Misread(isQuote ? 'quote' : 'unexpected', (isQuote ? piece : /^\S+/.exec(piece)![0]).slice(0, 20), at);
    }
    const kinds = ['number', 'text', 'name', 'mark'] as const;
    const index = kinds.findIndex((_, i) => match[i + 1] !== undefined);
    found.push({ kind: kinds[index]!, text: match[index + 1]!, at: match.index + match[0].length - match[index + 1]!.length });
    at = TOKEN.lastIndex;
  }
  found.push({ kind: 'end', text: '', at: text.length });
  return found;
}

/** Precedence climbs: or, and, not, comparison, sign, atom. */
class Parser {
  readonly keys = new Set<string>();
  #tokens: Token[];
  #at = 0;

  usesNames = false;
  readonly #known: Known | null;

  constructor(text: string, known: Known | null) {
    this.#known = known;
    this.#tokens = tokens(text);
  }

  whole(): Node {
    const node = this.#or();
    if (this.#next.kind !== 'end') this.#fail();
    return node;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(...texts: string[]): string | null {
    const { kind, text } = this.#next;
    if ((kind !== 'mark' && kind !== 'name') || !texts.includes(text)) return null;
    this.#at++;
    return text;
  }

  #need(text: string): void {
    if (this.#take(text) === null) this.#fail();
  }

  #fail(reason?: 'name' | 'joint'): never {
    const { kind, text, at } = this.#next;
    throw new Misread(kind === 'end' ? 'end' : (reason ?? 'unexpected'), text, at);
  }

  #or(): Node {
    let left = this.#and();
    while (this.#take('or')) {
      const [a, b] = [left, this.#and()];
      left = (run) => truth(a(run)) || truth(b(run));
    }
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.#take('and')) {
      const [a, b] = [left, this.#not()];
      left = (run) => truth(a(run)) && truth(b(run));
    }
    return left;
  }

  #not(): Node {
    if (!this.#take('not')) return this.#comparison();
    const inner = this.#not();
    return (run) => !truth(inner(run));
  }

  #comparison(): Node {
    let from = this.#at;
    let left = this.#signed();
    const parts: Node[] = [];
    for (;;) {
      const at = this.#at;
      let word = this.#take('==', '!=', '<', '<=', '>', '>=', '~', '=~', '!~', 'in', 'not', 'is');
      if (word === null) return parts.length ? (run) => parts.every((part) => truth(part(run))) : left;
      if (word === 'not') {
        if (!this.#take('in')) {
          this.#at = at;
          this.#fail();
        }
        word = 'not in';
      }
      if (word === 'is') {
        word = this.#take('not') ? '!=' : '==';
        if (this.#take('missing')) {
          const [node, wanted] = [left, word === '=='];
          parts.push((run) => isMissing(node(run)) === wanted);
          continue;
        }
      }
      const [middle, place] = [this.#at, this.#next.at];
      const [a, b] = [left, this.#signed()];
      if (word === '==' || word === '!=') checkEqual(this.#tokens.slice(from, middle), this.#tokens.slice(middle, this.#at));
      from = middle;
      parts.push(comparison(word, a, b, place));
      left = b;
    }
  }

  #signed(): Node {
    if (this.#take('+')) return this.#signed();
    if (!this.#take('-')) return this.#atom();
    const inner = this.#signed();
    return (run) => {
      const value = inner(run);
      return isNumeric(value) ? -value : undefined;
    };
  }

  #atom(): Node {
    if (this.#take('(') !== null) return this.#sequenceOrGroup();
    if (this.#take('[') !== null) return this.#list(']');
    const token = this.#next;
    if (token.kind === 'name' && (token.text === 'and' || token.text === 'or')) this.#fail('joint');
    this.#at++;
    if (token.kind === 'number') return constant(numberOf(token.text));
    if (token.kind === 'text') return constant(unquote(token.text));
    if (token.kind === 'name') return this.#named(token);
    this.#at--;
    return this.#fail();
  }

  #sequenceOrGroup(): Node {
    if (this.#take(')') !== null) return constant([]);
    const first = this.#or();
    if (this.#take(')') !== null) return first;
    this.#need(',');
    return this.#list(')', [first]);
  }

  #list(end: string, items: Node[] = []): Node {
    while (this.#take(end) === null) {
      items.push(this.#or());
      if (this.#take(',') === null) {
        this.#need(end);
        break;
      }
    }
    return (run) => items.map((item) => item(run));
  }

  #named(token: Token): Node {
    switch (token.text) {
      case 'True':
      case 'true':
        return constant(true);
      case 'False':
      case 'false':
        return constant(false);
      case 'None':
      case 'null':
        return constant(null);
      case 'nan':
        return constant(NaN);
      case 'inf':
        return constant(Infinity);
      case 'config': {
        const key = this.#path(true);
        return (run) => own(run.config, key);
      }
      case 'summary': {
        const key = this.#path(false);
        const part = this.#take('.') === null ? VALUE : PARTS.indexOf(this.#word());
        if (part < 0) {
          this.#at--;
          return this.#fail('name');
        }
        this.keys.add(key);
        return (run) => {
          const summary = own(run.summary, key);
          return summary && toNumber(summary[part]);
        };
      }
    }
    if (!FIELDS.includes(token.text)) return this.#alone(token);
    const field = token.text as keyof Run | 'duration';
    if (field === 'duration') return (run) => (run.created ? run.updated - run.created : null);
    if (field === 'created' || field === 'updated') return (run) => run[field] || null; // 0: unknown
    return (run) => run[field] as Value;
  }

  /** A config key, otherwise a series or its `.last`, `.min` or `.max`. */
  #alone(token: Token): Node {
    let name = token.text;
    while (this.#take('.') !== null) name += '.' + this.#word();
    const key = this.#meant(name, token.at);
    const part = partOf(key);
    this.usesNames = true;
    this.keys.add(key);
    if (part) this.keys.add(part[0]);
    return (run) => {
      if (Object.hasOwn(run.config, key)) return run.config[key];
      if (Object.hasOwn(run.summary, key)) return toNumber(run.summary[key]![VALUE]);
      return part && Object.hasOwn(run.summary, part[0]) ? toNumber(run.summary[part[0]]![part[1]]) : undefined;
    };
  }

  /** The key that a name stands for. */
  #meant(name: string, at: number): string {
    if (!this.#known) return name;
    const found = findKeys(this.#known, name);
    if (found.length === 1) return found[0]!;
    throw new Misread(found.length ? 'several' : 'name', name, at, found);
  }

  /** What follows `config` or `summary`: .a.b or ["a.b"]. Dots go on only where keys have dots. */
  #path(dotted: boolean): string {
    if (this.#take('[') !== null) {
      const token = this.#next;
      if (token.kind !== 'text') return this.#fail();
      this.#at++;
      this.#need(']');
      let key = unquote(token.text);
      while (dotted && (this.#next.text === '.' || this.#next.text === '[')) key += '.' + this.#path(false);
      return key;
    }
    this.#need('.');
    let key = this.#word();
    while (dotted && this.#take('.') !== null) key += '.' + this.#word();
    while (dotted && this.#next.text === '[') key += '.' + this.#path(true);
    return key;
  }

  #word(): string {
    const token = this.#next;
    if (token.kind !== 'name') return this.#fail();
    this.#at++;
    return token.text;
  }
}

/** Refuse to compare tags, a list, with a text, or the state with what is none. */
function checkEqual(left: readonly Token[], right: readonly Token[]): void {
  const [field, value] = [left[0]!, right[0]!];
  if (field.kind !== 'name' || right.length !== 1 || value.kind !== 'text') return;
  if (field.text === 'tags') throw new Misread('tags', value.text, value.at);
  if (field.text === 'state' && !STATES.includes(unquote(value.text))) throw new Misread('state', value.text, value.at);
}

function constant(value: Value): Node {
  return () => value;
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t' })[c] ?? c);
}

/** For a pattern, which must be a constant. */
const NO_RUN = { name: '', notes: '', tags: [], config: {}, summary: {}, rules: {} } as unknown as Run;

function comparison(word: string, a: Node, b: Node, at: number): (run: Run) => boolean {
  if (word === '~' || word === '=~' || word === '!~') {
    const pattern = b(NO_RUN);
    if (typeof pattern !== 'string') throw new Misread('unexpected', String(pattern ?? ''), at);
    const regex = compile(pattern, '', at);
    return (run) => {
      const value = a(run);
      const found = Array.isArray(value)
        ? value.some((v) => regex.test(String(v)))
        : value !== undefined && value !== null && regex.test(String(value));
      return found !== (word === '!~');
    };
  }
  return (run) => compare(word, a(run), b(run));
}
