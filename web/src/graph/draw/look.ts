/** What a drawing needs in addition to the scene: colours, labels, marks. */
import type { Label } from '../labels';

/** The part of a canvas context that is used, which the SVG writer implements, too. */
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
  /** Backgrounds of open groups by depth, alternating. */
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
  /** Colours of the content of a closed group: `[colour, fraction]`, adding up to 1. */
  mixOf: (box: number) => readonly (readonly [colour: number, share: number])[];
  labelOf: (id: number) => Label;
  badgeOf: (id: number) => string;
  /** One character on the corner of a box; '' for none. */
  signOf?: (id: number) => string;
  /** Shape beside a line. */
  valueOf: (line: number) => string;
  /** Width of a line, in px of the drawing. */
  widthOf: (line: number) => number;
  /** Ids that are selected, found by a search, and those that stay bright while others fade; null: all. */
  selected: number;
  hovered: number;
  found: ReadonlySet<number>;
  bright: ReadonlySet<number> | null;
  /** Lines to stand out, whole from where their edge begins. */
  brightLines: ReadonlySet<number>;
}

/** Visible part of the drawing: its upper left corner, and screen px per px of the drawing. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}
