/** What a drawing needs beside the scene: colours, what is written on boxes, what is marked. */
import type { Label } from '../labels';

/** What of a canvas is used, so that a writer of SVG can take its place. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | 'beginPath'
  | 'moveTo'
  | 'lineTo'
  | 'bezierCurveTo'
  | 'closePath'
  | 'rect'
  | 'roundRect'
  | 'fill'
  | 'stroke'
  | 'fillRect'
  | 'fillText'
  | 'strokeText'
  | 'setLineDash'
  | 'fillStyle'
  | 'strokeStyle'
  | 'lineWidth'
  | 'lineJoin'
  | 'font'
  | 'textAlign'
  | 'textBaseline'
  | 'globalAlpha'
>;

export interface BoxColour {
  fill: string;
  line: string;
  text: string;
}

export interface Ink {
  ground: string;
  surface: string;
  /** Grounds of open groups, outer ones first, in turn. */
  groups: readonly string[];
  text: string;
  text2: string;
  text3: string;
  line: string;
  edge: string;
  accent: string;
  accentSoft: string;
  mark: string;
  font: string;
}

export interface Look {
  ink: Ink;
  colours: readonly BoxColour[];
  /** Colour of each box, by its position in the scene. */
  colourOf: (box: number) => number;
  /** Shares of the colours of what a closed group holds: `[colour, share]`, that sum up to 1. */
  mixOf: (box: number) => readonly (readonly [colour: number, share: number])[];
  labelOf: (id: number) => Label;
  badgeOf: (id: number) => string;
  /** Shape that is written beside a line. */
  valueOf: (line: number) => string;
  /** Width of a line, in px of the drawing. */
  widthOf: (line: number) => number;
  /** Ids that are selected, found by a search, and those that stay bright while the others fade; null: all do. */
  selected: number;
  hovered: number;
  found: ReadonlySet<number>;
  bright: ReadonlySet<number> | null;
  /** Lines to stand out, whole from where their edge begins. */
  brightLines: ReadonlySet<number>;
}

/** Part of the drawing that is seen: its corner at the upper left, and px on screen for one of the drawing. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}
