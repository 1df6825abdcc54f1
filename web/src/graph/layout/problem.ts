/**
 * The unit of layout: the members of one group, drawn in layers from top to bottom.
 *
 * Vertices are the boxes, then the ports at the top through which edges come in, then those at the bottom through which they leave.
 * "Across" is x and "along" is y; for a drawing from left to right the caller exchanges the two.
 */
export interface Problem {
  nBoxes: number;
  nIn: number;
  nOut: number;
  /** Size of each box, in px. */
  across: Float32Array;
  along: Float32Array;
  /** 1 for a box at which the graph begins, such as an input: what depends on none is moved down to where it is used. */
  isAnchor: Uint8Array;
  edgeFrom: Int32Array;
  edgeTo: Int32Array;
  /** Edges with the same net carry the same from the same vertex, and share their line as far as they can. */
  edgeNet: Int32Array;
  /** Where an edge meets its boxes, from their centres. */
  fromAt: Float32Array;
  toAt: Float32Array;
  /** 1 where the place on the box is given, as for the ports of an open group; elsewhere edges are spread. */
  isFixed: Uint8Array;
}

export interface Solution {
  /** Of everything, without a margin. */
  across: number;
  along: number;
  /** Centre of each vertex across, and its top along. */
  centre: Float32Array;
  top: Float32Array;
  /** Corners of each edge, `(x, y)`: lines and curves in turn, a line first. */
  corners: Float32Array;
  cornerEnds: Int32Array;
  /** Corner from which an edge is its own; before it, another of the same net draws the line. */
  ownFrom: Int32Array;
  /** 1 for an edge against the order of execution; its corners still go from where it begins. */
  isBack: Uint8Array;
  /** Free px beside the first curve of each edge, for what is written there. */
  room: Float32Array;
}

export const ALONG_GAP_PX = 30;
export const MOST_ALONG_GAP_PX = 84;
export const ACROSS_GAP_PX = 22;
/** Between lines, and between a line and a box. */
export const LINE_GAP_PX = 14;
